#include <weir/queues/injector.hpp>

struct item {
  item* next = nullptr;
};

int main() {
  using injector = weir::detail::injector<item, &item::next>;
  item one;
  injector queue;
  injector::consumer worker(queue);
  queue.push(&one, weir::detail::lane::normal);
  return queue.try_pop(worker) == &one ? 0 : 1;
}
