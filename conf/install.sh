#!/bin/sh
# `make install` and `make uninstall`: the module, reqnotes.load, reqnotes.conf and the example of the pages, where this httpd
# (LIBEXECDIR and SYSCONFDIR of its apxs) has such files, the helper where PHP looks for it, and reqnotes-grep. A configuration that is there stays as it
# is: a new one that differs is placed beside it, with .new at its name's end.
set -eu
action=$1
here=$(dirname "$0")

# The log files that the shipped configuration names: httpd would make them readable for everybody.
log_files() { sed -n 's/^ *[^# ].*\${[A-Z_]*LOG_DIR}\/\([A-Za-z0-9._-]*\).*/\1/p' "$here/reqnotes.conf" | sort -u; }
if [ "$action" = log-files ]; then
  log_files
  exit
fi

module=$DESTDIR$LIBEXECDIR/mod_reqnotes.so
helper=$DESTDIR/usr/share/php/reqnotes.php
grep=$DESTDIR/usr/bin/reqnotes-grep
logs=logs
case $LIBEXECDIR:$SYSCONFDIR in
  /usr/lib/apache2/modules:*)  # Debian, Ubuntu
    load=$SYSCONFDIR/mods-available/reqnotes.load
    conf=$SYSCONFDIR/mods-available/reqnotes.conf
    pages=$SYSCONFDIR/conf-available/reqnotes-pages.conf
    uses=$SYSCONFDIR/mods-enabled/reqnotes.load
    enable='a2enmod reqnotes' disable='a2dismod reqnotes'
    logs='${APACHE_LOG_DIR}' ;;
  *:/etc/httpd/conf)  # Red Hat and its kin, whose httpd.conf includes both folders
    load=/etc/httpd/conf.modules.d/10-reqnotes.conf
    conf=/etc/httpd/conf.d/reqnotes.conf
    pages=$SYSCONFDIR/reqnotes-pages.conf
    uses=
    enable='nothing more: both files are read at the next start' disable= ;;
  *)  # httpd's own layout, as under /usr/local and in the official image
    load=$SYSCONFDIR/extra/reqnotes.load
    conf=$SYSCONFDIR/extra/reqnotes.conf
    pages=$SYSCONFDIR/extra/reqnotes-pages.conf
    uses=$SYSCONFDIR/httpd.conf
    enable="Include $load and Include $conf in $SYSCONFDIR/httpd.conf" disable="remove the lines that include it from $uses" ;;
esac

shipped() { sed -e "s#/usr/lib/apache2/modules#$LIBEXECDIR#" -e "s#\${APACHE_LOG_DIR}#$logs#g" "$here/$1"; }

place() {
  target=$DESTDIR$2
  mkdir -p "$(dirname "$target")"
  if [ -e "$target" ]; then
    shipped "$1" | cmp -s - "$target" && return
    target=$target.new
    echo "$DESTDIR$2 is there and stays as it is. The new one is beside it: $target"
  fi
  shipped "$1" > "$target"
  chmod 0644 "$target"
}

remove() {
  rm -f "$DESTDIR$2.new"
  if shipped "$1" | cmp -s - "$DESTDIR$2"; then rm "$DESTDIR$2"
  elif [ -e "$DESTDIR$2" ]; then echo "$DESTDIR$2 is not as it was placed, and stays."; fi
}

case $action in
  install)
    install -D -m 644 "$BUILD/mod_reqnotes.so" "$module"
    install -D -m 644 "$here/php/reqnotes.php" "$helper"
    install -D -m 755 "$here/bin/reqnotes-grep" "$grep"
    place reqnotes.load "$load"
    place reqnotes.conf "$conf"
    place reqnotes-pages.conf "$pages"
    if [ -z "$DESTDIR" ] && [ -d /var/log/apache2 ] && [ "$logs" != logs ] && [ "$(id -u)" = 0 ]; then
      for name in $(log_files); do
        [ -e "/var/log/apache2/$name" ] || install -o root -g adm -m 640 /dev/null "/var/log/apache2/$name"
      done
    fi
    [ -n "$DESTDIR" ] || echo "To use it: $enable" ;;
  uninstall)
    if [ -h "$DESTDIR$uses" ] || [ -n "$uses" ] && grep -qs reqnotes "$DESTDIR$uses"; then
      echo "The configuration of httpd uses mod_reqnotes. Nothing was removed. First: $disable"
      exit 1
    fi
    rm -f "$module"
    ! cmp -s "$here/php/reqnotes.php" "$helper" || rm "$helper"
    ! cmp -s "$here/bin/reqnotes-grep" "$grep" || rm "$grep"
    remove reqnotes.load "$load"
    remove reqnotes.conf "$conf"
    remove reqnotes-pages.conf "$pages"
    [ -n "$DESTDIR" ] || [ "$logs" = logs ] || for name in $(log_files); do
      [ -s "/var/log/apache2/$name" ] || rm -f "/var/log/apache2/$name"
    done ;;
esac
