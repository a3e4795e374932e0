#include "thread_locals.hpp"

#include <link.h>

#include <cstring>

namespace model {
namespace {

/// The block of the thread that all fibres belong to, and what it begins with: some values, and zeros.
struct tls_block {
  std::byte* begin = nullptr;
  std::size_t size = 0;
  const std::byte* first_values = nullptr;
  std::size_t first_values_size = 0;
};

// The program itself is the first one that is told of.
int find(dl_phdr_info* info, std::size_t, void* out) noexcept {
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr)& header = info->dlpi_phdr[i];
    if (header.p_type != PT_TLS || info->dlpi_tls_data == nullptr) continue;
    *static_cast<tls_block*>(out) = {static_cast<std::byte*>(info->dlpi_tls_data), header.p_memsz,
                                     reinterpret_cast<const std::byte*>(info->dlpi_addr + header.p_vaddr),
                                     header.p_filesz};
  }
  return 1;
}

const tls_block& block() {
  static const tls_block found = [] {
    tls_block out;
    dl_iterate_phdr(&find, &out);
    return out;
  }();
  return found;
}

}  // namespace

thread_locals::thread_locals() : kept_(new std::byte[block().size]) { begin(); }

void thread_locals::keep() noexcept { std::memcpy(kept_.get(), block().begin, block().size); }

void thread_locals::restore() const noexcept { std::memcpy(block().begin, kept_.get(), block().size); }

void thread_locals::begin() noexcept {
  const tls_block& all = block();
  std::memcpy(kept_.get(), all.first_values, all.first_values_size);
  std::memset(kept_.get() + all.first_values_size, 0, all.size - all.first_values_size);
}

}  // namespace model
