#!/bin/busybox sh
# The guest's init: modules, the lab's port, then a shell that the lab drives.
/bin/busybox mkdir -p /proc /sys /dev /run /tmp /bin
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mount -t tracefs tracing /sys/kernel/tracing
mount -t tmpfs run /run
mount -t tmpfs tmp /tmp
echo "lab: guest kernel up, clocksource $(cat /sys/devices/system/clocksource/clocksource0/current_clocksource)"
while read -r module; do
    insmod "/modules/$module.ko" || echo "lab: module $module does not load"
done </modules/order
/bin/link-ports
[ -e /dev/ptp0 ] || echo "lab: no /dev/ptp0"
echo "lab: guest ready"
while :; do
    # Opening a port that is away would make a file of that name.
    [ -c /dev/ports/guest ] && sh <>/dev/ports/guest >&0 2>&1
    sleep 0.1
done
