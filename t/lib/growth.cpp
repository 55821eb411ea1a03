// Counts for t/98-growth.t, by LD_PRELOAD: the bytes that httpd allocates from pools, and the steps
// that the module takes. $REQNOTES_GROWTH is a file with these two numbers, of eight bytes each. A
// step is a basic block, as the module is built with -fsanitize-coverage=trace-pc; a look-up in a
// table is one for each of its entries.

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace {

struct Counts {
  std::uint64_t bytes;
  std::uint64_t steps;
};

Counts* open_counts() {
  const char* file = getenv("REQNOTES_GROWTH");
  const int fd = file ? open(file, O_RDWR | O_CLOEXEC) : -1;
  if (fd < 0) return nullptr;
  void* memory = mmap(nullptr, sizeof(Counts), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  return memory == MAP_FAILED ? nullptr : static_cast<Counts*>(memory);
}

Counts* counts = open_counts();

bool is_module(void* address) {
  Dl_info info;
  return dladdr(address, &info) != 0 && info.dli_fname && strstr(info.dli_fname, "mod_reqnotes");
}

void add(std::uint64_t Counts::*what, std::uint64_t number) {
  if (counts) __atomic_fetch_add(&(counts->*what), number, __ATOMIC_RELAXED);
}

template <class Function>
Function* next(Function*, const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

/// The beginning of an APR table.
struct Table {
  void* pool;
  int element_size;
  int count;
};

void look_through(const Table* table, void* caller) {
  if (table && is_module(caller)) add(&Counts::steps, static_cast<std::uint64_t>(table->count));
}

}  // namespace

extern "C" {

void __sanitizer_cov_trace_pc();
void* apr_palloc(void* pool, size_t size);
const char* apr_table_get(const Table* table, const char* key);
void apr_table_setn(Table* table, const char* key, const char* value);
void apr_table_unset(Table* table, const char* key);

void __sanitizer_cov_trace_pc() {
  add(&Counts::steps, 1);
}

void* apr_palloc(void* pool, size_t size) {
  static const auto real = next(apr_palloc, "apr_palloc");
  add(&Counts::bytes, size);
  return real(pool, size);
}

const char* apr_table_get(const Table* table, const char* key) {
  static const auto real = next(apr_table_get, "apr_table_get");
  look_through(table, __builtin_return_address(0));
  return real(table, key);
}

void apr_table_setn(Table* table, const char* key, const char* value) {
  static const auto real = next(apr_table_setn, "apr_table_setn");
  look_through(table, __builtin_return_address(0));
  real(table, key, value);
}

void apr_table_unset(Table* table, const char* key) {
  static const auto real = next(apr_table_unset, "apr_table_unset");
  look_through(table, __builtin_return_address(0));
  real(table, key);
}
}
