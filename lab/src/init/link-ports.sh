#!/bin/busybox sh
# Gives each virtio port its name under /dev/ports; the driver announces them a moment after loading.
mkdir -p /dev/ports
tries=0
until [ -n "$(ls /sys/class/virtio-ports 2>/dev/null)" ] || [ $tries -ge 100 ]; do
    sleep 0.05
    tries=$((tries + 1))
done
sleep 0.1
for port in /sys/class/virtio-ports/*; do
    name=$(cat "$port/name" 2>/dev/null) && ln -sf "/dev/${port##*/}" "/dev/ports/$name"
done
echo "lab: ports: $(ls /dev/ports | tr '\n' ' ')"
