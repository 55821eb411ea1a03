#pragma once

#include <cstddef>
#include <new>
#include <span>
#include <type_traits>

#include "reqnotes/httpd/apache.hpp"

namespace reqnotes {

/// A zeroed T that lives as long as `pool`. httpd aborts when memory runs out, so it is never
/// null.
template <class T>
T& pool_new(apr_pool_t* pool) {
  static_assert(std::is_trivially_destructible_v<T>, "a pool frees memory but runs no destructor");
  return *new (apr_palloc(pool, sizeof(T))) T{};
}

/// A zeroed T that the parent and its children share, or null where there is no shared memory.
template <class T>
T* shared_new(apr_pool_t* pool) {
  static_assert(std::is_trivially_destructible_v<T>, "a pool frees memory but runs no destructor");
  apr_shm_t* shared = nullptr;
  if (apr_shm_create(&shared, sizeof(T), nullptr, pool) != APR_SUCCESS) return nullptr;
  return new (apr_shm_baseaddr_get(shared)) T{};
}

/// The elements of an APR array, which may be null.
template <class T>
std::span<T> elements(const apr_array_header_t* array) {
  if (!array) return {};
  return {reinterpret_cast<T*>(array->elts), static_cast<std::size_t>(array->nelts)};
}

template <class T>
T& push(apr_array_header_t* array, const T& value) {
  return *static_cast<T*>(apr_array_push(array)) = value;
}

inline std::span<apr_table_entry_t> entries_of(const apr_table_t* table) {
  return elements<apr_table_entry_t>(apr_table_elts(table));
}

}  // namespace reqnotes
