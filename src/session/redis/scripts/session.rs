//! Scripts that create, change and end a session.

use super::Script;
use std::sync::LazyLock;

/// Keys: session, index, epoch. Arguments: now, selector, epoch, value. Says `more` instead of `done` if there is something to tidy.
pub(in crate::session::redis) static CREATE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local now, selector, e, value = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3]), ARGV[4]
local n, _, _, old = last_revocation(KEYS[3])
if is_user(value) and e < n then return 'revoked' end
local found = redis.call('GET', KEYS[1])
if is_live(found, now, n) then return version_of(found) == version_of(value) and 'done' or 'exists' end
if leads(found, now) then return 'exists' end
local i, a = struct.unpack('>I5I5', value, 10)
local ms = ttl(i, a, now)
redis.call('SET', KEYS[1], value, 'PX', ms)
leave(KEYS[2], selector, found)
if not is_user(value) then return 'done' end
enter(KEYS[2], selector, i, a, ms)
return (prune(KEYS[2], now, 4) or old ~= '') and 'more' or 'done'
",
    )
});

/// Keys: session, index, epoch. Arguments: now, selector, version, next version, idle, epoch, record. The absolute deadline and the kind stay, and
/// what leads to it.
pub(in crate::session::redis) static SWAP: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local selector, v, next, d = ARGV[2], ARGV[3], ARGV[4], ARGV[7]
local now, i, e = tonumber(ARGV[1]), tonumber(ARGV[5]), tonumber(ARGV[6])
local n = last_revocation(KEYS[3])
local found = redis.call('GET', KEYS[1])
if not is_live(found, now, n) then return 'gone' end
if version_of(found) == next then return 'done' end
if version_of(found) ~= v or is_user(found) and e < n then return 'conflict' end
local a = struct.unpack('>I5', found, 15)
local ms, head = ttl(i, a, now), next .. struct.pack('>I5I5I6', i, a, e)
redis.call('SET', KEYS[1], string.sub(found, 1, 1) .. head .. parent_of(found) .. d, 'PX', ms)
moved(KEYS[2], selector, found, i, a, ms)
return 'done'
",
    )
});

/// Keys: session, index, epoch. Arguments: now, selector, version, epoch, value, and 1 if replicas are waited for. All of it comes from the value but
/// what leads to it.
pub(in crate::session::redis) static REPLACE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local now, selector, v, e, value, is_awaited = tonumber(ARGV[1]), ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5], ARGV[6]
local n = last_revocation(KEYS[3])
local found = redis.call('GET', KEYS[1])
if not is_live(found, now, n) or is_user(value) and e < n then return unchanged('gone', is_awaited, KEYS[2]) end
if version_of(found) == version_of(value) then return unchanged('done', is_awaited, KEYS[2]) end
if version_of(found) ~= v then return unchanged('conflict', is_awaited, KEYS[2]) end
local i, a = struct.unpack('>I5I5', value, 10)
local ms, parent = ttl(i, a, now), parent_of(found)
if parent ~= '' then
  value = string.char(string.byte(value) + 2) .. string.sub(value, 2, 25) .. parent .. string.sub(value, 26)
end
redis.call('SET', KEYS[1], value, 'PX', ms)
leave(KEYS[2], selector, found)
if is_user(value) then enter(KEYS[2], selector, i, a, ms) end
return 'done'
",
    )
});

/// Keys: session, index, epoch. Arguments: now, selector, idle.
pub(in crate::session::redis) static TOUCH: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local now, selector, idle = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3])
local n = last_revocation(KEYS[3])
local found = redis.call('GET', KEYS[1])
if not is_live(found, now, n) then return 'gone' end
local i, a = struct.unpack('>I5I5', found, 10)
idle = math.min(idle, a)
if idle > i then
  local ms = ttl(idle, a, now)
  expire(KEYS[1], ms)
  redis.call('SETRANGE', KEYS[1], 9, struct.pack('>I5', idle))
  moved(KEYS[2], selector, found, idle, a, ms)
end
return 'done'
",
    )
});

/// Keys: session, index, epoch. Arguments: now, selector, the version that it must have, or nothing, and 1 if replicas are waited for. Answers with
/// what has led to it, or where it has gone.
pub(in crate::session::redis) static DELETE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local now, selector, v, is_awaited = tonumber(ARGV[1]), ARGV[2], ARGV[3], ARGV[4]
local n = last_revocation(KEYS[3])
local found = redis.call('GET', KEYS[1])
if leads(found, now) then return { 'moved', string.sub(found, 7, 26) } end
if not is_live(found, now, n) then return { unchanged('gone', is_awaited, KEYS[2]), '' } end
if v ~= '' and version_of(found) ~= v then return { 'conflict', '' } end
redis.call('DEL', KEYS[1])
leave(KEYS[2], selector, found)
return { 'done', parent_of(found) }
",
    )
});
