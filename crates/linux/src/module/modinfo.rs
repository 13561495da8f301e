//! What an uncompressed module says of itself, for a tree that `depmod` hasn't seen.

/// The names of the modules that `image` depends on, from its `.modinfo` section: strings with a zero
/// byte at the end of each, one of them `depends=a,b`. The section isn't looked up; no other part of
/// a module holds such a string.
pub(super) fn dependencies(image: &[u8]) -> Vec<String> {
    const KEY: &[u8] = b"depends=";
    let list = image.split(|&byte| byte == 0).find_map(|text| text.strip_prefix(KEY));
    let list = list.and_then(|list| std::str::from_utf8(list).ok()).unwrap_or("");
    list.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_says_what_it_depends_on() {
        let image = b"\x7fELF\x02\0\0license=GPL\0depends=ptp,pps_core\0name=ptp_kvm\0\xff\0";
        assert_eq!(dependencies(image), ["ptp", "pps_core"]);
        assert!(dependencies(b"\0depends=\0name=ptp\0").is_empty());
        assert!(dependencies(b"\0softdepends=x\0").is_empty());
        assert!(dependencies(b"").is_empty());
    }
}
