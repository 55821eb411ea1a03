// Preloaded before a sanitizer's runtime. PHP loads its extensions so that they find their own
// symbols first (RTLD_DEEPBIND), which a sanitizer refuses.

#include <dlfcn.h>

extern "C" void* dlopen(const char* file, int mode) noexcept {
  using Dlopen = void* (*)(const char*, int);
  return reinterpret_cast<Dlopen>(dlsym(RTLD_NEXT, "dlopen"))(file, mode & ~RTLD_DEEPBIND);
}
