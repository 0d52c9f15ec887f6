// What a compiler has to do for a small modern file: containers, algorithms, templates, a little of everything.
#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <sstream>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

template <int N>
struct Fibonacci {
  static constexpr long value = Fibonacci<N - 1>::value + Fibonacci<N - 2>::value;
};
template <>
struct Fibonacci<1> {
  static constexpr long value = 1;
};
template <>
struct Fibonacci<0> {
  static constexpr long value = 0;
};

using Value = std::variant<int, double, std::string, std::vector<int>>;

std::string shown(const Value& value) {
  return std::visit(
      [](const auto& held) {
        std::ostringstream out;
        if constexpr (std::is_same_v<std::decay_t<decltype(held)>, std::vector<int>>)
          for (int i : held) out << i << ' ';
        else
          out << held;
        return out.str();
      },
      value);
}

long work(const std::vector<Value>& values) {
  std::map<std::string, std::shared_ptr<std::vector<std::size_t>>> index;
  for (std::size_t i = 0; i < values.size(); ++i) {
    auto& place = index[shown(values[i])];
    if (!place) place = std::make_shared<std::vector<std::size_t>>();
    place->push_back(i);
  }
  std::unordered_map<std::size_t, std::function<long(long)>> steps;
  for (const auto& [name, places] : index)
    steps[places->size()] = [size = name.size()](long n) { return n + static_cast<long>(size) + Fibonacci<80>::value; };
  return std::accumulate(steps.begin(), steps.end(), 0L, [](long n, const auto& step) { return step.second(n); });
}
