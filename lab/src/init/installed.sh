#!/bin/busybox sh
# The init of a guest with a whole system on its disk: loads what it takes to mount that, and hands over.
/bin/busybox mkdir -p /proc /sys /dev /run /root
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
while read -r module; do
    insmod "/modules/$module.ko" || echo "lab: module $module does not load"
done </modules/order
tries=0
until [ -b /dev/vda ] || [ $tries -ge 200 ]; do
    sleep 0.05
    tries=$((tries + 1))
done
mount -t ext4 /dev/vda /root || echo "lab: no disk"
mount --move /dev /root/dev
umount /proc /sys
exec switch_root /root /sbin/init
