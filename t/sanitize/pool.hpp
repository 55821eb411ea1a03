// Included before everything else when the module is built for `make sanitize`. A pool is one
// piece of memory to ASan; here each allocation of the module gets a red zone behind it, so that
// reading or writing past its end is an error.

#include <apr_pools.h>
#include <sanitizer/asan_interface.h>

static void* reqnotes_palloc(apr_pool_t* pool, apr_size_t size) {
  constexpr apr_size_t kRedZone = 32;
  struct Block {
    char* begin;
    apr_size_t size;
  };
  // Where the block begins is a multiple of ASan's unit, eight bytes.
  auto* begin = static_cast<char*>(apr_palloc(pool, size + kRedZone));
  auto* block = static_cast<Block*>(apr_palloc(pool, sizeof(Block)));
  *block = {begin + size, kRedZone};
  ASAN_POISON_MEMORY_REGION(block->begin, block->size);
  // The pool gives this memory to others afterwards.
  apr_pool_cleanup_register(
      pool, block,
      [](void* data) -> apr_status_t {
        ASAN_UNPOISON_MEMORY_REGION(static_cast<Block*>(data)->begin,
                                    static_cast<Block*>(data)->size);
        return APR_SUCCESS;
      },
      apr_pool_cleanup_null);
  return begin;
}

#define apr_palloc(pool, size) reqnotes_palloc(pool, size)
