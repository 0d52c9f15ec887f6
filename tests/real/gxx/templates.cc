// A compiler's day: the big headers, much instantiation, ranges, regex, format-like recursion.
#include <algorithm>
#include <array>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <numeric>
#include <random>
#include <regex>
#include <sstream>
#include <string>
#include <tuple>
#include <unordered_map>
#include <variant>
#include <vector>

template <int N>
struct Shape {
  std::array<double, N % 13 + 1> sides{};
  std::map<std::string, std::vector<std::tuple<int, double, std::string>>> notes;
  double area() const { return std::accumulate(sides.begin(), sides.end(), double(N)); }
};

template <int... I>
using Any = std::variant<Shape<I>...>;

template <int... I>
double total(const std::vector<Any<I...>>& shapes) {
  double sum = 0;
  for (const auto& shape : shapes) sum += std::visit([](const auto& s) { return s.area(); }, shape);
  return sum;
}

template <int N>
struct Fibonacci { static constexpr long value = Fibonacci<N - 1>::value + Fibonacci<N - 2>::value; };
template <> struct Fibonacci<0> { static constexpr long value = 0; };
template <> struct Fibonacci<1> { static constexpr long value = 1; };

template <int... I>
double all(std::integer_sequence<int, I...>) {
  std::vector<Any<I...>> shapes;
  (shapes.emplace_back(std::in_place_type<Shape<I>>), ...);
  std::unordered_map<std::string, std::function<double(double)>> functions;
  (functions.emplace(std::to_string(I), [](double x) { return x * I + Fibonacci<I % 80 + 2>::value; }), ...);
  double sum = total<I...>(shapes);
  for (auto& [name, f] : functions) sum += f(1.0);
  return sum;
}

int main(int argc, char** argv) {
  std::regex pattern("([a-z]+)=([0-9]+)");
  std::smatch match;
  std::string text = argc > 1 ? argv[1] : "width=12";
  if (std::regex_match(text, match, pattern)) std::cout << match[1] << ' ' << match[2] << '\n';
  std::mt19937 rng(1);
  std::vector<int> numbers(1000);
  std::iota(numbers.begin(), numbers.end(), 0);
  std::shuffle(numbers.begin(), numbers.end(), rng);
  std::sort(numbers.begin(), numbers.end());
  std::cout << all(std::make_integer_sequence<int, 16>{}) << ' ' << numbers[500] << '\n';
}
