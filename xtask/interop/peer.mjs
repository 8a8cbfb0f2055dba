// jose: verifies the tokens of its input, then mints one for each algorithm.
import { readFileSync } from "node:fs";
import { strict as assert } from "node:assert";
import { SignJWT, importJWK, jwtVerify } from "jose";

const given = JSON.parse(readFileSync(0, "utf8"));
const url = (hex) => Buffer.from(hex, "hex").toString("base64url");
const point = given.points.ES256.slice(2);
const jwks = {
  HS256: { kty: "oct", k: url(given.secret) },
  ES256: { kty: "EC", crv: "P-256", x: url(point.slice(0, 64)), y: url(point.slice(64)), d: url(given.secret) },
  EdDSA: { kty: "OKP", crv: "Ed25519", x: url(given.points.EdDSA), d: url(given.secret) },
};
const minted = {};
for (const [alg, jwk] of Object.entries(jwks)) {
  const { d, ...open } = jwk;
  const options = { issuer: given.issuer, audience: given.audience, algorithms: [alg] };
  const { payload } = await jwtVerify(given.tokens[alg], await importJWK(open, alg), options);
  assert.deepEqual([payload.sub, payload.place, payload.degrees], ["dev-7", "Süd-Ost 🌡", -3]);
  assert.deepEqual(payload.tags, ['a "quoted" tag', "plain"]);
  const claims = { place: "Süd 🌡", degrees: -3, tags: ['a "quoted" tag', "x"] };
  minted[alg] = await new SignJWT(claims).setProtectedHeader({ alg, kid: "one" }).setIssuer(given.issuer)
    .setAudience(given.audience).setSubject("dev-7").setIssuedAt().setExpirationTime("5m").sign(await importJWK(jwk, alg));
}
console.log(JSON.stringify(minted));
