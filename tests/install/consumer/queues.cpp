#include <weir/queues/injector.hpp>

struct item {
  item* next = nullptr;
};

int main() {
  item one;
  weir::detail::injector<item, &item::next> queue;
  queue.push(&one, weir::detail::lane::normal);
  return queue.try_pop(0) == &one ? 0 : 1;
}
