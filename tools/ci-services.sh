#!/usr/bin/env bash
# PostgreSQL with pgvector on 127.0.0.1:5432 (postgres, trusted) and Redis on 127.0.0.1:6379, on a Debian machine, as root.
# What answers already is left alone. Ends with 1 when something is still missing; it says what.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
export DEBIAN_FRONTEND=noninteractive
missing=0

answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
wait_for() {
  for _ in $(seq 100); do answers "$1" && return 0; sleep 0.2; done
  return 1
}
say_missing() { echo "services: $1" >&2; missing=1; }
can_install() { [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; }
install() { can_install && apt-get -qq update && apt-get -qq install -y "$@" >/dev/null; }

start_postgres() {
  command -v pg_lsclusters >/dev/null || install postgresql || return 1
  local version name
  read -r version name _ < <(pg_lsclusters -h | head -n 1)
  if [ -z "${version:-}" ]; then
    version=$(find /usr/lib/postgresql -mindepth 1 -maxdepth 1 -printf '%f\n' | sort -V | tail -n 1)
    name=main
    pg_createcluster "$version" "$name" >/dev/null || return 1
  fi
  # Local callers are trusted: the machine is made for one run and thrown away.
  local hba="/etc/postgresql/$version/$name/pg_hba.conf"
  echo "services: $hba now trusts local callers (before: $hba.before)"
  sed -i.before -E 's/^(local|host)(\s.*\s)(peer|md5|scram-sha-256)\s*$/\1\2trust/' "$hba"
  pg_ctlcluster "$version" "$name" start 2>/dev/null || pg_ctlcluster "$version" "$name" reload || return 1
  wait_for 5432
}

start_redis() {
  command -v redis-server >/dev/null || install redis-server || return 1
  redis-server --daemonize yes --save '' --appendonly no --bind 127.0.0.1 >/dev/null
  wait_for 6379
}

# A server that answers but asks for a password was installed by somebody else's defaults.
trusted() { PGCONNECT_TIMEOUT=3 psql -w -h 127.0.0.1 -U postgres -qAtc 'select 1' >/dev/null 2>&1; }

if ! answers 5432 || ! trusted; then start_postgres || say_missing 'PostgreSQL could not be started'; fi
if answers 5432 && can_install; then bash ./install-pgvector.sh || say_missing 'pgvector could not be installed'; fi
if ! answers 6379; then start_redis || say_missing 'Redis could not be started'; fi
exit "$missing"
