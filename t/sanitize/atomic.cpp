// Preloaded with TSan. It sees locks wherever they are taken, but not the atomic operations of
// httpd, which hands memory from thread to thread with them. Here they are APR's, in the open.

#include <apr_atomic.h>

constexpr int kOrder = __ATOMIC_SEQ_CST;

template <class T>
static T swap_if(volatile T* memory, T with, T compare) {
  __atomic_compare_exchange_n(memory, &compare, with, false, kOrder, kOrder);
  return compare;
}

extern "C" {

apr_uint32_t apr_atomic_read32(volatile apr_uint32_t* memory) {
  return __atomic_load_n(memory, kOrder);
}

void apr_atomic_set32(volatile apr_uint32_t* memory, apr_uint32_t value) {
  __atomic_store_n(memory, value, kOrder);
}

apr_uint32_t apr_atomic_add32(volatile apr_uint32_t* memory, apr_uint32_t value) {
  return __atomic_fetch_add(memory, value, kOrder);
}

void apr_atomic_sub32(volatile apr_uint32_t* memory, apr_uint32_t value) {
  __atomic_fetch_sub(memory, value, kOrder);
}

apr_uint32_t apr_atomic_inc32(volatile apr_uint32_t* memory) {
  return __atomic_fetch_add(memory, 1U, kOrder);
}

int apr_atomic_dec32(volatile apr_uint32_t* memory) {
  return __atomic_sub_fetch(memory, 1U, kOrder) != 0;
}

apr_uint32_t apr_atomic_cas32(volatile apr_uint32_t* memory, apr_uint32_t with,
                              apr_uint32_t compare) {
  return swap_if(memory, with, compare);
}

apr_uint32_t apr_atomic_xchg32(volatile apr_uint32_t* memory, apr_uint32_t value) {
  return __atomic_exchange_n(memory, value, kOrder);
}

void* apr_atomic_casptr(volatile void** memory, void* with, const void* compare) {
  auto* pointer = reinterpret_cast<void* volatile*>(const_cast<void**>(memory));
  return swap_if(pointer, with, const_cast<void*>(compare));
}

void* apr_atomic_xchgptr(volatile void** memory, void* with) {
  auto* pointer = reinterpret_cast<void* volatile*>(const_cast<void**>(memory));
  return __atomic_exchange_n(pointer, with, kOrder);
}
}
