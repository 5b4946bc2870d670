// What returns packets with no handler at all, attached with tc to a device's ingress.
//   section reflect: the floor. Returns each Geneve packet of the uplink to its sender, outer addresses swapped.
//   section echo:    the server behind NAT. Returns each IPv4 UDP or TCP packet, addresses and ports swapped.
// Swapping leaves every checksum as it was. Where things lie is written in bytes: an Ethernet header (14), IPv4 without options (20).
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#define SECTION(name) __attribute__((section(name), used))
#define INLINE static inline __attribute__((always_inline))

static long (*bpf_redirect)(__u32 device, __u64 flags) = (void *)BPF_FUNC_redirect;

INLINE void swap(unsigned char *a, unsigned char *b, int length) {
  for (int i = 0; i < length; i++) {
    unsigned char byte = a[i];
    a[i] = b[i];
    b[i] = byte;
  }
}

INLINE int swap_and_return(struct __sk_buff *packet, int is_geneve) {
  unsigned char *p = (void *)(long)packet->data, *end = (void *)(long)packet->data_end;
  if (p + 42 > end || p[12] != 8 || p[13] != 0 || p[14] != 0x45)
    return TC_ACT_OK;
  if (is_geneve ? p[23] != 17 || p[36] != 0x17 || p[37] != 0xc1 : p[23] != 17 && p[23] != 6)
    return TC_ACT_OK;
  swap(p, p + 6, 6);
  swap(p + 26, p + 30, 4);
  if (!is_geneve)
    swap(p + 34, p + 36, 2);
  return bpf_redirect(packet->ifindex, 0);
}

SECTION("reflect") int return_geneve(struct __sk_buff *packet) { return swap_and_return(packet, 1); }
SECTION("echo") int return_any(struct __sk_buff *packet) { return swap_and_return(packet, 0); }
char terms[] SECTION("license") = "GPL";
