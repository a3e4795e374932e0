// Structure: a group joins all that it spawned, in a task and outside, and says what failed.
#include <weir/weir.hpp>

#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

struct folder {
  std::string name;
  std::vector<folder> inside;
  long files = 0;
};

// Children spawn into their own group: as deep as the tree is, one wait joins all.
void scan(weir::task_group& group, folder& at) {
  at.files = static_cast<long>(at.name.size());
  for (folder& f : at.inside) {
    group.spawn([&group, &f] { scan(group, f); });
  }
}

long files_in(const folder& at) {
  long sum = at.files;
  for (const folder& f : at.inside) sum += files_in(f);
  return sum;
}

}  // namespace

int main() {
  weir::pool pool({.workers = 2, .limits = {.max_tasks = 64}});

  folder root{"", {{"usr", {{"bin", {}}, {"lib", {{"cmake", {}}, {"python3", {}}}}}}, {"etc", {}}}};
  {
    weir::task_group group(pool, {.name = "scan"});  // outside of tasks: one root, which waits at the door
    scan(group, root);
    group.wait();
  }
  std::cout << files_in(root) << " files\n";

  // In a task a group is part of that: stopped with it, under its deadline, without a permit of its own.
  const int squares = *pool.run({.deadline = weir::within(std::chrono::seconds(10))}, [&pool] {
    std::vector<int> each(100);
    weir::task_group group(pool, {.max_running = 8});
    for (int& e : each) {
      group.spawn([&e, i = static_cast<int>(&e - each.data())] { e = i * i; });
    }
    group.wait();
    int sum = 0;
    for (const int e : each) sum += e;
    return sum;
  });
  std::cout << squares << '\n';

  // By default the first error stops the rest. This group goes on, and lists all.
  weir::task_group checks(pool, {.on_error = weir::on_error::keep_going});
  for (const char* const name : {"disk", "clock", "network"}) {
    checks.spawn([name] {
      if (name[0] != 'c') throw std::runtime_error(std::string(name) + " is not there");
    });
  }
  try {
    checks.wait();
  } catch (const weir::group_error& e) {
    std::cout << e.errors().size() << " of 3 checks failed\n";
    return squares == 328'350 && files_in(root) == 24 ? 0 : 1;
  }
  return 1;
}
