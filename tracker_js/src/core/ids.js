/**
 * A random UUID (version 4).
 *
 * Not `crypto.randomUUID`: it exists in secure contexts only, and a shop's test server on plain http is none
 * (https://w3c.github.io/webcrypto/#Crypto-method-randomUUID).
 */
export const newId = () =>
  "10000000-1000-4000-8000-100000000000".replace(/[018]/g, (digit) => (digit ^ (crypto.getRandomValues(new Uint8Array(1))[0] & (15 >> (digit / 4)))).toString(16));
