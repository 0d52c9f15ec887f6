#include "preload/cli/bench/job.h"

#include <sstream>

namespace gamelan::cli::bench {

std::vector<Figure> parse_figures(const std::string& text) {
  std::vector<Figure> figures;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    Figure figure;
    if (words >> figure.name >> figure.value >> figure.unit) figures.push_back(figure);
  }
  return figures;
}

}  // namespace gamelan::cli::bench
