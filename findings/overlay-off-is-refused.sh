#!/bin/sh
# In a user namespace an overlay that is told to do without redirects is not mounted;
# one that is told nothing is, and does without them.
#
# Seen with Linux 6.18.  redirect_dir=off forbids only to make redirects.  Those that
# are there are followed all the same, as long as the module's redirect_always_follow is
# Y, which it is unless the kernel was built otherwise: `off` then is the same word as
# `follow`.  To follow one takes the right to read trusted.* attributes, so the mount is
# EPERM for root of a user namespace, and with userxattr it is EINVAL.  Without the
# option the kernel takes `nofollow` by itself.  So whoever copies the careful options of
# root's mount gets none at all, and the word that is meant is redirect_dir=nofollow.
# metacopy=off and index=off are taken in both.
set -eu

mounted() {
    unshare --user --map-root-user --mount sh -c '
        mount -t tmpfs none /tmp && cd /tmp && mkdir lower upper work merged
        where=lowerdir=lower,upperdir=upper,workdir=work
        mount -t overlay none -o "$where$1" merged 2>/dev/null || { echo refused; exit; }
        options=$(findmnt --noheadings --output OPTIONS merged)
        case $options in *redirect_dir=nofollow*) echo nofollow ;; *) echo "$options" ;; esac
    ' sh "$1"
}

follows=$(cat /sys/module/overlay/parameters/redirect_always_follow 2>/dev/null || echo "?")
echo "Linux $(uname -r), redirect_always_follow is $follows"
seen=
for more in "" ,redirect_dir=off ,redirect_dir=nofollow ,metacopy=off ,index=off \
    ,userxattr ,userxattr,redirect_dir=off ,userxattr,redirect_dir=nofollow; do
    was=$(mounted "$more")
    echo "options ${more:-(none)}: $was"
    seen="$seen $was"
done
expected=" nofollow refused nofollow nofollow nofollow nofollow refused nofollow"
[ "$seen" = "$expected" ] || {
    echo "this is new: expected$expected"
    exit 1
}
