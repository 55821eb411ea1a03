#pragma once

#include <fcntl.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <span>
#include <string_view>

#include "reqnotes/facts/privacy.hpp"
#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/pool.hpp"
#include "reqnotes/text/hex.hpp"
#include "reqnotes/text/slice.hpp"

namespace reqnotes {

constexpr std::size_t kHashKeyLow = 32;
constexpr std::size_t kHashKeyHigh = 512;

/// The key of `privacy=hash`, in libcrypto's keeping: HMAC-SHA-256 that has been given the key
/// and nothing else.
struct HashKey {
  EVP_MAC_CTX* keyed;
};

/// Writes the first 16 bytes of the HMAC-SHA-256 of `text` as hex.
///
/// returns  false when libcrypto has no memory.
inline bool hash(const HashKey& key, std::string_view text, std::span<char, kPrivateSize> out) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  std::size_t size = 0;
  EVP_MAC_CTX* mac = EVP_MAC_CTX_dup(key.keyed);
  const bool done =
      mac &&
      EVP_MAC_update(mac, reinterpret_cast<const unsigned char*>(text.data()), text.size()) == 1 &&
      EVP_MAC_final(mac, digest, &size, sizeof digest) == 1;
  EVP_MAC_CTX_free(mac);
  if (done) put_hex({digest, kPrivateSize / 2}, out.data());
  return done;
}

/// Wipes the key, which libcrypto does with all that it frees of one.
inline apr_status_t forget_hash_key(void* data) noexcept {
  auto& key = *static_cast<HashKey*>(data);
  EVP_MAC_CTX_free(key.keyed);
  key.keyed = nullptr;
  return APR_SUCCESS;
}

/// What is wrong with the owner or the mode of the key file, or null.
inline const char* check_hash_key_file(int fd) {
  struct stat info = {};
  if (fstat(fd, &info) != 0) return "it cannot be read";
  if (!S_ISREG(info.st_mode)) return "it is no file";
  if (info.st_uid != 0 && info.st_uid != geteuid()) {
    return "it belongs to somebody else; chown it to the user that starts httpd";
  }
  if ((info.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return "others than its owner can read or write it; chmod it to 600";
  }
  return nullptr;
}

/// Reads a key: one line of printable characters without blanks, such that a shell and openssl
/// can be given it too. Wiped when `pool` ends.
///
/// returns  null, or what is wrong, as the end of a sentence.
inline const char* read_hash_key(apr_pool_t* pool, const char* path, HashKey*& key) {
  const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) {
    char text[128];
    return apr_pstrcat(pool, "it cannot be opened: ", apr_strerror(errno, text, sizeof text),
                       nullptr);
  }
  const char* why = check_hash_key_file(fd);
  char buffer[kHashKeyHigh + 2];
  const ssize_t got = why ? 0 : read(fd, buffer, sizeof buffer);
  close(fd);
  if (why) return why;

  std::string_view text(buffer, got > 0 ? static_cast<std::size_t>(got) : 0);
  if (text.ends_with('\n')) text.remove_suffix(1);
  bool good = text.size() >= kHashKeyLow && text.size() <= kHashKeyHigh;
  for (char c : text) good = good && c > ' ' && c < 0x7F;
  if (good) {
    key = &pool_new<HashKey>(pool);
    EVP_MAC* hmac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
    key->keyed = hmac ? EVP_MAC_CTX_new(hmac) : nullptr;
    EVP_MAC_free(hmac);
    char digest[] = "SHA256";
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                                 OSSL_PARAM_construct_end()};
    const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
    if (!key->keyed || EVP_MAC_init(key->keyed, bytes, text.size(), params) != 1) {
      why = "libcrypto has no HMAC-SHA-256";
    }
    apr_pool_cleanup_register(pool, key, forget_hash_key, apr_pool_cleanup_null);
  } else {
    why =
        "it must hold one line of 32 to 512 printable characters without blanks, such as "
        "`openssl rand -hex 32` makes";
  }
  OPENSSL_cleanse(buffer, sizeof buffer);
  return why;
}

}  // namespace reqnotes
