#!/bin/sh
# Longshore's ctr, self-contained: this script, then Deno, then the program, both gzip'd. The first run unpacks
# them into a cache that only the user can write; each has a name of its own digest, so that a new program
# does not unpack Deno again. Everything after the last line of this script is data.
runtime=@RUNTIME@ runtime_at=@RUNTIME_AT@ runtime_size=@RUNTIME_SIZE@
program=@PROGRAM@ program_at=@PROGRAM_AT@ program_size=@PROGRAM_SIZE@

die() {
  echo "ctr: cannot start: $1" >&2
  exit 1
}

case $0 in /*) self=$0 ;; *) self=$PWD/$0 ;; esac
if [ -w / ]; then cache=${CTR_CACHE:-/var/cache/longshore}; else
  cache=${CTR_CACHE:-${XDG_CACHE_HOME:-${HOME:?ctr: cannot start: HOME is not set}/.cache}/longshore}
fi

unpack() { # OFFSET SIZE NAME COMMAND...: runs COMMAND on the data and then names its result NAME
  at=$1 size=$2 name=$3
  shift 3
  new=$(mktemp -d "$cache/.new.XXXXXX") || die "cannot write to $cache"
  if ! tail -c "+$at" "$self" | head -c "$size" | gzip -dc | "$@" "$new"; then
    rm -rf "$new"
    die "$self is damaged, or $cache is full"
  fi
  mv -T "$new/result" "$cache/$name" 2>/dev/null || [ -e "$cache/$name" ] || die "cannot write to $cache"
  rm -rf "$new"
}
put_runtime() { cat >"$1/result" && [ "$(wc -c <"$1/result")" = @RUNTIME_BYTES@ ] && chmod 0700 "$1/result"; }
put_program() { mkdir "$1/result" && tar -xf - -C "$1/result" && [ -f "$1/result/main.js" ]; }

forget_unused() { # What earlier versions unpacked, nobody has used for a week, and nobody runs now.
  for old in "$cache"/ctr-* "$cache"/deno-*; do
    used=$old
    [ -d "$old" ] && used=$old/main.js
    [ "$(find "$used" -prune -atime +7 2>/dev/null)" ] || continue
    grep -qsF "$old" /proc/[0-9]*/cmdline || rm -rf "$old"
  done
}

if [ ! -x "$cache/deno-$runtime" ] || [ ! -f "$cache/ctr-$program/main.js" ]; then
  umask_before=$(umask)
  umask 077
  mkdir -p "$cache" || die "cannot make $cache"
  [ -O "$cache" ] && [ ! -L "$cache" ] && chmod 0700 "$cache" || die "$cache belongs to somebody else"
  [ -x "$cache/deno-$runtime" ] || unpack "$runtime_at" "$runtime_size" "deno-$runtime" put_runtime
  [ -f "$cache/ctr-$program/main.js" ] || unpack "$program_at" "$program_size" "ctr-$program" put_program
  forget_unused
  umask "$umask_before"
fi
[ -O "$cache" ] && [ ! -L "$cache" ] && [ -O "$cache/deno-$runtime" ] && [ -O "$cache/ctr-$program" ] ||
  die "$cache belongs to somebody else"

# A command compiles all it loads once and keeps that; who stays would keep in memory what it never runs. Each way
# has a cache of its own: what the one has compiled does not fit the other.
case " $* $0" in
*" daemon "* | *" shim "* | *containerd-shim-*) compiled=lazily ;;
*) compiled=ahead ;;
esac
[ "$compiled" = ahead ] && flags=${CTR_V8_FLAGS:---no-lazy} || flags=${CTR_V8_FLAGS-}

export CTR_EXECUTABLE="$self" DENO_DIR="$cache/ctr-$program/compiled-$compiled" DENO_NO_UPDATE_CHECK=1
exec "$cache/deno-$runtime" run -A --unstable-kv --quiet --no-config --no-lock --no-npm --no-remote \
  --cached-only ${flags:+"--v8-flags=$flags"} "$cache/ctr-$program/main.js" "$@"
exit 1
