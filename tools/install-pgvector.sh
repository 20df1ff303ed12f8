#!/usr/bin/env bash
# Gives the machine's PostgreSQL the pgvector extension, where the distribution's release has no package of it: the source
# package of the following release is fetched through the mirror that apt already uses, and built here. As root.
set -euo pipefail

fail() { echo "install-pgvector: $1" >&2; exit 1; }

version=${1:-$(find /usr/lib/postgresql -mindepth 1 -maxdepth 1 -printf '%f\n' 2>/dev/null | sort -V | tail -n1)}
[ -n "$version" ] || fail 'PostgreSQL is not installed'
pg_config=/usr/lib/postgresql/$version/bin/pg_config
control=/usr/share/postgresql/$version/extension/vector.control
if [ -e "$control" ]; then
  echo "pgvector for PostgreSQL $version: already there"
  exit 0
fi

export DEBIAN_FRONTEND=noninteractive
apt-get -qq update
if apt-get -qq install -y "postgresql-$version-pgvector" >/dev/null 2>&1; then
  echo "pgvector for PostgreSQL $version: installed from its package"
  exit 0
fi

archive=$(apt-get indextargets --format '$(REPO_URI)' | sort -u | grep -E '/debian/?$' | head -n1 || true)
[ -n "$archive" ] || fail 'apt knows no Debian archive'
apt-get -qq install -y build-essential dpkg-dev "postgresql-server-dev-$version" >/dev/null

build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
mkdir -p "$build/state/partial" "$build/cache/archives/partial"
echo "deb-src $archive trixie main" >"$build/sources.list"
# An apt of its own beside the system's, so that the machine's package lists stay as they are.
beside=(
  -o "Dir::Etc::SourceList=$build/sources.list" -o Dir::Etc::SourceParts=/dev/null
  -o "Dir::State::Lists=$build/state" -o "Dir::Cache=$build/cache" -o APT::Sandbox::User=root
)
cd "$build"
apt-get -qq "${beside[@]}" update
apt-get -qq "${beside[@]}" source --download-only pgvector
mkdir source
tar -xf pgvector_*.orig.tar.* -C source --strip-components=1
# Without OPTFLAGS the build tunes itself to this processor, and the library would not start on another one.
make -C source -s -j"$(nproc)" OPTFLAGS= PG_CONFIG="$pg_config" >"$build/log" 2>&1 || { tail -n 20 "$build/log" >&2; fail 'the build failed'; }
make -C source -s install PG_CONFIG="$pg_config" >>"$build/log" 2>&1
[ -e "$control" ] || fail 'the build installed nothing'
echo "pgvector for PostgreSQL $version: built and installed"
