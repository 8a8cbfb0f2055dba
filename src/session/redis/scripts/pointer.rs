//! Scripts that replace a session with a pointer, and that follow the pointers to a session.

use super::Script;
use std::sync::LazyLock;

/// Keys: old session, new session, index, epoch. Arguments: now, old selector, new selector, version, epoch, value, the new handle, and 1 if replicas
/// are waited for.
pub(in crate::session::redis) static ROTATE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local old, new, v, e, value, to, is_awaited = ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5]), ARGV[6], ARGV[7], ARGV[8]
local now, n = tonumber(ARGV[1]), last_revocation(KEYS[4])
local there = redis.call('GET', KEYS[2])
if is_live(there, now, n) and version_of(there) == version_of(value) then
  return unchanged('done', is_awaited, KEYS[3])
end
local found = redis.call('GET', KEYS[1])
if is_live(there, now, n) or leads(there, now) or not is_live(found, now, n) or is_user(value) and e < n then
  return unchanged('gone', is_awaited, KEYS[3])
end
if version_of(found) ~= v then return unchanged('conflict', is_awaited, KEYS[3]) end
local i, a = struct.unpack('>I5I5', value, 10)
local ms = ttl(i, a, now)
redis.call('SET', KEYS[2], value, 'PX', ms)
if is_user(value) then enter(KEYS[3], new, i, a, ms) end
point(KEYS[1], to, a, parent_of(found), now)
leave(KEYS[3], old, found)
return 'done'
",
    )
});

/// Keys: session, index, epoch. Arguments: now, selector, version, where it has gone, until when that lives, and 1 if replicas are waited for. For a
/// rotation into another slot.
pub(in crate::session::redis) static POINT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local selector, v, to, is_awaited = ARGV[2], ARGV[3], ARGV[4], ARGV[6]
local now, till, n = tonumber(ARGV[1]), tonumber(ARGV[5]), last_revocation(KEYS[3])
local found = redis.call('GET', KEYS[1])
if leads(found, now) and string.sub(found, 7, 26) == to then return unchanged('done', is_awaited, KEYS[2]) end
if not is_live(found, now, n) then return unchanged('gone', is_awaited, KEYS[2]) end
if version_of(found) ~= v then return unchanged('conflict', is_awaited, KEYS[2]) end
point(KEYS[1], to, till, parent_of(found), now)
leave(KEYS[2], selector, found)
return 'done'
",
    )
});

/// Keys: pointer. Arguments: now, where it leads, until when that lives, or nothing if it lives no more. Answers with what leads to this one; with
/// nothing if it leads elsewhere.
pub(in crate::session::redis) static RELATE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local now, till = tonumber(ARGV[1]), tonumber(ARGV[3])
local found = redis.call('GET', KEYS[1])
if not found or string.byte(found) < 4 or string.sub(found, 7, 26) ~= ARGV[2] then return '' end
if not till then
  redis.call('DEL', KEYS[1])
elseif till > struct.unpack('>I5', found, 2) then
  point(KEYS[1], ARGV[2], till, parent_of(found), now)
end
return parent_of(found)
",
    )
});
