#include "codec/blake3.h"

#include <blake3.h>

namespace ashlar {
namespace {

Hash derive_key(const char* context, Bytes secret) {
  blake3_hasher hasher;
  blake3_hasher_init_derive_key(&hasher, context);
  blake3_hasher_update(&hasher, secret.data(), secret.size());
  Hash key;
  blake3_hasher_finalize(&hasher, key.data(), key.size());
  return key;
}

}  // namespace

DomainKeys derive_keys(Bytes secret) {
  return {derive_key("ashlar 1 chunk", secret), derive_key("ashlar 1 node", secret),
          derive_key("ashlar 1 manifest", secret)};
}

Hash keyed_hash(const Hash& key, Bytes bytes) {
  blake3_hasher hasher;
  blake3_hasher_init_keyed(&hasher, key.data());
  blake3_hasher_update(&hasher, bytes.data(), bytes.size());
  Hash hash;
  blake3_hasher_finalize(&hasher, hash.data(), hash.size());
  return hash;
}

}  // namespace ashlar
