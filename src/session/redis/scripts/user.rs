//! Scripts for all sessions of a user: one write ends them, and they are removed a few at a time.

use super::Script;
use std::sync::LazyLock;

/// Keys: index, epoch. Arguments: now, what the keys of sessions begin with, the selector that is kept, or nothing, the epoch that has been answered
/// already, or nothing, and until when the new one is kept. With one that was answered no other epoch begins, on whatever server; its number is written
/// in any case, for who waits for replicas. What is of an earlier epoch is over by that; the index gets another name, to be taken apart later, and a short
/// one goes into the one before it, so that a user who is revoked again and again has few of them.
pub(in crate::session::redis) static REVOKE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local now, prefix, except, answered, till = tonumber(ARGV[1]), ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
redis.call('DEL', prefix)
local before, at, till_before, old = last_revocation(KEYS[2])
local kept = except ~= '' and redis.call('GET', prefix .. except)
if not is_live(kept, now, before) or not is_user(kept) then kept = nil end
-- Until when what the revocation ends would live: the epoch is what tells that it has ended.
local n, ended = before, now + math.max(math.ceil(redis.call('PTTL', KEYS[1]) / 1000) - SLACK, 0)
if not answered or before < answered then
  n = answered or math.max(before + 1, now)
  local last, members = string.match(old, '(%w+)$'), redis.call('ZRANGE', KEYS[1], 0, 64)
  if last and #members <= 64 then
    for _, member in ipairs(members) do redis.call('ZADD', prefix .. last, 0, member) end
    local ms = redis.call('PTTL', KEYS[1])
    if redis.call('PTTL', prefix .. last) < ms then redis.call('PEXPIRE', prefix .. last, ms) end
    redis.call('UNLINK', KEYS[1])
  elseif #members > 0 then
    local name = string.format('g%.0f', n)
    redis.call('RENAME', KEYS[1], prefix .. name)
    old = old .. ' ' .. name
  end
end
at, till = math.max(at, now), math.max(till, till_before, n + 1, ended)
redis.call('SET', KEYS[2], string.format('%.0f %.0f %.0f', n, at, till) .. old, 'PX', ttl(till, till, now))
if kept then
  redis.call('SETRANGE', prefix .. except, 19, struct.pack('>I6', n))
  local i, a = struct.unpack('>I5I5', kept, 10)
  enter(KEYS[1], except, i, a, ttl(i, a, now))
end
return { string.format('%.0f', n), string.format('%.0f', at) }
",
    )
});

/// Keys: index, epoch. Arguments: now, what the keys of sessions begin with, how many. Removes some of what revocations have ended, or takes some of
/// what has run out from the index. Answers 1 if there is more to do, and then with selectors that were removed and what has led to them, in turn.
pub(in crate::session::redis) static TIDY: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local now, prefix, most = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3])
local n, at, till, old = last_revocation(KEYS[2])
local name, others = string.match(old, '^ (%w+)(.*)$')
if not name then return { prune(KEYS[1], now, most) and 1 or 0, {} } end
local popped = redis.call('ZPOPMIN', prefix .. name, most)
-- Those by deadline come first, and are all that is needed.
if string.sub(popped[1] or '', 1, 1) ~= 'd' then
  redis.call('UNLINK', prefix .. name)
  redis.call('SET', KEYS[2], string.format('%.0f %.0f %.0f', n, at, till) .. others, 'KEEPTTL')
  popped = {}
end
local orphans = {}
for place = 1, #popped, 2 do
  local member = popped[place]
  local selector = string.sub(member, 7)
  local found = string.sub(member, 1, 1) == 'd' and redis.call('GET', prefix .. selector)
  if found and string.byte(found) < 4 and is_user(found) and struct.unpack('>I6', found, 20) < n then
    redis.call('DEL', prefix .. selector)
    local parent = parent_of(found)
    if parent ~= '' then orphans[#orphans + 1], orphans[#orphans + 2] = selector, parent end
  end
end
return { 1, orphans }
",
    )
});
