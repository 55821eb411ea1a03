#!/bin/sh
# Both commands of the README on new systems, by `make fresh SUITE=bookworm`. As root, with debootstrap.
#
#   clean     a minimal system: as a user without packages, as root in /root, as a user
#   existing  one that runs Apache with a virtual host and PHP-FPM, and has upgrades pending:
#             nothing of it may have changed afterwards
#   package   only when named: builds the Debian package, looks at it with lintian, and follows it
#             from its installation to its end (t/lib/package.pl). Prints TAP.
#
# usage: t/lib/fresh.sh SUITE DIR [clean|existing|package]
set -eu
suite=$1 dir=$2 only=${3:-}
top=$(cd "$(dirname "$0")/../.." && pwd)

if [ "$(id -u)" != 0 ] || ! command -v debootstrap > /dev/null || ! unshare --mount true; then
  echo 'make fresh needs root, mounts and debootstrap. Nothing was done.'
  exit 1
fi
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
root=$dir/$suite${only:+-$only}

# The archive that this machine uses itself.
archive() {
  apt-get indextargets --format '$(LABEL) $(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' |
    sed -n "s/^$1 //p" | head -1
}
main=$(archive Debian) security=$(archive Debian-Security)
if [ -z "$main" ]; then
  echo "make fresh takes the archive of Debian from the sources of apt, and finds none. Nothing was done."
  exit 1
fi

base=$dir/$suite.tar
if [ ! -e "$base" ]; then
  echo "# debootstrap $suite"
  rm -rf "$root"
  debootstrap --variant=minbase --include=make,ca-certificates "$suite" "$root" "$main" > "$base.log" 2>&1 ||
    { tail "$base.log"; exit 1; }
  cp /etc/hosts "$root/etc/hosts"
  echo force-unsafe-io > "$root/etc/dpkg/dpkg.cfg.d/fresh"
  apt-config dump | grep -E '^Acquire::(https?|Check)' > "$root/etc/apt/apt.conf.d/00machine" || true
  tar -C "$root" -cf "$base.$$" .
  mv "$base.$$" "$base"
fi

# A new system, with the sources of its suite and a clone of what is committed.
system() {
  rm -rf --one-file-system "$root"
  mkdir "$root"
  tar -C "$root" -xf "$base"
  git clone -q --no-hardlinks "$top" "$root/root/mod_reqnotes"
  chmod 0700 "$root/root"
}

# The sources of a suite with its upgrades.
upgrades() {
  echo "deb $main $suite main"
  echo "deb $main $suite-updates main"
  [ -z "$security" ] || echo "deb $security $suite-security main"
}

# What maintainer scripts and others call is written down.
log_calls() {
  for name in systemctl invoke-rc.d deb-systemd-invoke deb-systemd-helper update-rc.d service \
    a2enmod a2dismod a2enconf a2disconf a2ensite phpenmod phpdismod; do
    cat > "$root/usr/local/sbin/$name" <<'END'
#!/bin/sh
name=$(basename "$0")
echo "$name $*" >> /var/log/service-calls
for real in /usr/sbin/$name /usr/bin/$name; do [ ! -x $real ] || exec $real "$@"; done
END
    chmod 755 "$root/usr/local/sbin/$name"
  done
  printf '#!/bin/sh\necho "policy-rc.d $*" >> /var/log/service-calls\nexit 101\n' > "$root/usr/sbin/policy-rc.d"
  chmod 755 "$root/usr/sbin/policy-rc.d"
}

# Runs a script in the system. What it started ends with it.
within() {
  unshare --mount --pid --fork --kill-child sh -euc '
    mount --bind "$0" "$0"  # so that tests can mount over their root
    mount -t proc proc "$0/proc"
    mount --rbind /dev "$0/dev"
    mount -t tmpfs -o mode=755 tmpfs "$0/run"
    mkdir -m 1777 "$0/run/lock"
    exec env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
      ${http_proxy:+http_proxy="$http_proxy"} LC_ALL=C.UTF-8 chroot "$0" /bin/sh -euc "$1"' "$root" "$1"
}

commands='
  echo "\$ make demo"; make demo > /tmp/demo-$(id -un) 2>&1 || { tail -40 /tmp/demo-$(id -un); exit 1; }
  grep -E "^(Not|Unpacking|Installing|Fetching)|one grep|^access.log:|^error.log:" /tmp/demo-$(id -un)
  echo "\$ make test"; make test > /tmp/test-$(id -un) 2>&1 || { tail -60 /tmp/test-$(id -un); exit 1; }
  grep -E "^(Not|Unpacking|Installing|Fetching)" /tmp/test-$(id -un) || true
  tail -6 /tmp/test-$(id -un)'

clean() {
  echo "# $suite, a minimal system, $(git -C "$top" log -1 --format=%h)"
  system
  upgrades > "$root/etc/apt/sources.list"
  within '
    useradd -m tester
    cp -r /root/mod_reqnotes /home/tester/ && chown -R tester: /home/tester
    apt-get update -qq
    echo "-- make, without anything"
    cd /root/mod_reqnotes
    ! make || exit 1
    echo "-- a user, who may install nothing"
    before=$(dpkg-query -W | sha256sum)
    ! su tester -c "cd && cd mod_reqnotes && make demo" || exit 1
    [ "$before" = "$(dpkg-query -W | sha256sum)" ]
    echo "-- root"
    '"$commands"'
    cat > /tmp/commands <<"END"
'"$commands"'
END
    echo "-- a user, with the packages there"
    su tester -c "cd && cd mod_reqnotes && sh -eu /tmp/commands"'
}

# Every file of /etc with its owner, mode and content, and what was asked of services.
existing() {
  echo "# $suite, a system that runs Apache and PHP-FPM, $(git -C "$top" log -1 --format=%h)"
  system
  upgrades | head -1 > "$root/etc/apt/sources.list"
  upgrades > "$root/root/sources.new"
  log_calls
  within '
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -qq -y --no-install-recommends apache2 php-fpm perl > /tmp/existing 2>&1 || { tail /tmp/existing; exit 1; }
    cat > /etc/apache2/sites-available/shop.conf <<END
<VirtualHost *:8099>
  ServerName shop.example
  DocumentRoot /srv/shop
  <Directory /srv/shop>
    Require all granted
  </Directory>
  CustomLog \${APACHE_LOG_DIR}/shop.log combined
</VirtualHost>
END
    echo "Listen 127.0.0.1:8099" > /etc/apache2/ports.conf
    mkdir -p /srv/shop && echo "<?php echo \"shop \", PHP_SAPI, \" \", getmypid() > 1;" > /srv/shop/index.php
    a2ensite -q shop; a2dissite -q 000-default; a2enmod -q proxy_fcgi setenvif; a2enconf -q "php*-fpm"
    mkdir -p /run/php /run/apache2
    $(ls /usr/sbin/php-fpm*) -D
    apache2ctl start
    cat > /etc/apt/sources.list < /root/sources.new
    apt-get update -qq
    echo "installed: $(dpkg-query -W apache2 php*-fpm | tr "\t\n" "  ")"
    echo "upgrades pending: $(apt-get -s -qq upgrade | grep -cE "^Inst (apache2|php|lib)")"

    state() {
      find /etc -printf "%M %u:%g %p %l\n" | sort
      find /etc -type f -exec sha256sum {} + | sort -k2
    }
    running() {
      ps=; for p in /proc/[0-9]*; do
        c=$(tr "\0" " " < $p/cmdline 2>/dev/null) || continue
        case $c in /usr/sbin/apache2*|*php-fpm*) ps="$ps ${p#/proc/}";; esac
      done
      echo "processes$ps"
      apache2ctl -M 2>/dev/null
      perl -MIO::Socket -e "\$s = IO::Socket::INET->new(\"127.0.0.1:8099\") or die; print \$s \"GET /index.php HTTP/1.0\r\nHost: shop.example\r\n\r\n\"; print grep { /shop/ } <\$s>; print qq(\n)"
      perl -MIO::Socket -e "\$s = IO::Socket::INET->new(\"127.0.0.1:8099\") or die; print \$s \"GET /dokuwiki/ HTTP/1.0\r\nHost: shop.example\r\n\r\n\"; print scalar <\$s>"
    }
    state > /tmp/state.before
    running > /tmp/running.before
    dpkg-query -W | grep -E "^(apache2|libapache2|php|libphp)" > /tmp/packages.before
    wc -l < /var/log/service-calls > /tmp/calls.before
    cd /root/mod_reqnotes
    '"$commands"'
    state > /tmp/state.after
    running > /tmp/running.after
    dpkg-query -W | grep -E "^(apache2|libapache2|php|libphp)" > /tmp/packages.after
    result=0
    echo "-- service calls before: $(cat /tmp/calls.before), since:"
    tail -n +$(($(cat /tmp/calls.before) + 1)) /var/log/service-calls | grep . && result=1 || echo none
    echo "-- apache2* and php* packages, before and after:"
    diff /tmp/packages.before /tmp/packages.after && echo same || result=1
    echo "-- what runs: processes, modules, the answer of the virtual host, and of /dokuwiki/:"
    diff /tmp/running.before /tmp/running.after && echo same || result=1
    grep -E "^(processes|shop|HTTP)" /tmp/running.after
    echo "-- /etc, $(find /etc | wc -l) files and folders; new ones of what was installed:"
    diff /tmp/state.before /tmp/state.after | grep -vE " /etc/(alternatives(/.*)?|ld\.so\.cache)( |\$)" > /tmp/diff || true
    sed -n "s/^> [-d].* \(\/etc\/[^ ]*\) \$/\1/p" /tmp/diff | xargs
    echo "-- changed or gone, or new where services are configured:"
    services="apache2|php|dokuwiki|systemd|init|rc.\.d|cron|logrotate|default|dbus|sysctl|udev|tmpfiles|sudoers|ld\.so\.conf"
    grep -E "^<|^>.* /etc/($services)" /tmp/diff && result=1 || echo none
    exit $result'
}

package() {
  system
  upgrades > "$root/etc/apt/sources.list"
  log_calls
  logs=$("$top/conf/install.sh" log-files | xargs)
  within '
    export DEBIAN_FRONTEND=noninteractive
    {
      apt-get update -qq
      apt-get install -qq -y --no-install-recommends apache2 build-essential fakeroot lintian
      cd /root/mod_reqnotes
      apt-get build-dep -qq -y --no-install-recommends .
      make deb
    } > /tmp/build 2>&1 || { tail -30 /tmp/build; exit 1; }
    cd build/deb
    dpkg-deb -R libapache2-mod-reqnotes_*.deb newer
    sed -i "s/^Version: .*/&+newer/" newer/DEBIAN/control
    dpkg-deb -b newer newer.deb > /dev/null
    REQNOTES_LOGS="'"$logs"'" perl ../../t/lib/package.pl $PWD/libapache2-mod-reqnotes_*.deb $PWD/newer.deb'
}

for variant in ${only:-clean existing}; do
  $variant
  echo "# $suite, $variant: good"
done
rm -rf --one-file-system "$root"
