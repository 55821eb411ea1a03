// Preloaded into httpd under valgrind, to which the memory of a pool has a value from the start,
// or the one that an earlier request left there. Here it has none until something is written.

#include <apr_pools.h>
#include <dlfcn.h>
#include <valgrind/memcheck.h>

#undef apr_palloc

extern "C" void* apr_palloc(apr_pool_t* pool, apr_size_t size) {
  using Palloc = void* (*)(apr_pool_t*, apr_size_t);
  static const auto palloc = reinterpret_cast<Palloc>(dlsym(RTLD_NEXT, "apr_palloc"));
  void* memory = palloc(pool, size);
  static_cast<void>(VALGRIND_MAKE_MEM_UNDEFINED(memory, size));
  return memory;
}
