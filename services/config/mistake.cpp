#include "services/config/mistake.h"

#include <algorithm>
#include <utility>

namespace connmgr::services {

std::string line_of(const Place& place) {
  return place.line > 0 ? place.file + ":" + std::to_string(place.line) : place.file;
}

std::string to_string(const Mistake& mistake) {
  std::string text = line_of(mistake.place);
  if (mistake.place.line > 0 && mistake.place.column > 0) text += ":" + std::to_string(mistake.place.column);
  if (!text.empty()) text += ": ";
  if (!mistake.path.empty()) text += mistake.path + ": ";
  return text + mistake.text;
}

void Mistakes::add(Place place, std::string_view path, std::string text) {
  if (full()) {
    ++left_out_;
  } else {
    kept_.push_back({std::move(place), std::string(path), std::move(text)});
  }
}

std::vector<Mistake> Mistakes::sorted() const {
  std::vector<Mistake> all = kept_;
  std::stable_sort(all.begin(), all.end(),
                   [](const Mistake& a, const Mistake& b) { return a.place < b.place; });
  return all;
}

}  // namespace connmgr::services
