//! What this machine runs on: which hypervisor, as the processor, the firmware and the kernel say; and
//! whether its owner has reason not to trust it.
//!
//! Names are found, nothing is concluded from them: which hypervisor has which clock is known elsewhere.
#![cfg_attr(target_arch = "x86_64", allow(unsafe_code, reason = "the cpuid instruction"))]

use std::fs;
use std::path::Path;

/// What the machine says of its hypervisor. Each part may be missing, and each may be made up by the hypervisor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hypervisor {
    /// The signatures that `cpuid` gives in its hypervisor leaves, such as `KVMKVMKVM`, the first one first:
    /// KVM that pretends to be Hyper-V has both. Empty where the processor is not asked, or says that there is no
    /// hypervisor.
    pub signatures: Vec<String>,
    /// Whether the processor says that there is a hypervisor (`hypervisor` in /proc/cpuinfo).
    pub flag: bool,
    /// The machine's maker and model by its firmware (SMBIOS), such as `QEMU` and `Standard PC (Q35 + ICH9, 2009)`.
    pub firmware: Option<(String, String)>,
    /// `compatible` of the device tree's hypervisor node, such as `linux,kvm` (Arm).
    pub device_tree: Option<String>,
    /// /sys/hypervisor/type, such as `xen`.
    pub kernel: Option<String>,
}

impl Hypervisor {
    /// What the tree under `root` says, and the processor itself where that is this machine's (`ask_processor`).
    #[must_use]
    pub fn find(root: &Path, ask_processor: bool) -> Self {
        let flag = cpu_has(root, "hypervisor");
        let dmi = |name: &str| line(&root.join("sys/class/dmi/id").join(name));
        Self {
            signatures: if ask_processor && flag { signatures() } else { Vec::new() },
            flag,
            firmware: dmi("sys_vendor").map(|vendor| (vendor, dmi("product_name").unwrap_or_default())),
            device_tree: line(&root.join("proc/device-tree/hypervisor/compatible")),
            kernel: line(&root.join("sys/hypervisor/type")),
        }
    }

    /// Whether there is one at all, as far as anything says.
    #[must_use]
    pub fn is_there(&self) -> bool {
        self.flag || self.device_tree.is_some() || self.kernel.is_some() || self.firmware_is_virtual()
    }

    /// Whether it is KVM: by the processor's word, or on Arm by the device tree's; `None` where neither says.
    #[must_use]
    pub fn is_kvm(&self) -> Option<bool> {
        if !self.signatures.is_empty() {
            return Some(self.signatures.iter().any(|signature| signature == "KVMKVMKVM"));
        }
        self.device_tree.as_ref().map(|compatible| compatible.contains("kvm"))
    }

    /// Machines of these makers, or with these models, are virtual. (A maker of physical ones may sell virtual ones too.)
    /// On 64-bit Arm with ACPI nothing else says so. The list of systemd's src/basic/virt.c, version 252
    /// (`detect_vm_dmi_vendor`), and what the clouds write.
    fn firmware_is_virtual(&self) -> bool {
        const VIRTUAL: [(&str, &str); 12] = [
            ("QEMU", ""),
            ("KubeVirt", ""),
            ("OpenStack", ""),
            ("VMware", ""),
            ("innotek", ""),
            ("Parallels", ""),
            ("Xen", ""),
            ("Amazon EC2", ""),
            ("Google", "Google Compute Engine"),
            ("Microsoft Corporation", "Virtual Machine"),
            ("Apple Inc.", "Apple Virtualization"),
            ("DigitalOcean", "Droplet"),
        ];
        self.firmware.as_ref().is_some_and(|(vendor, product)| {
            // Amazon's physical machines: `m7g.metal`, `c7i.metal-24xl`.
            !product.contains(".metal")
                && VIRTUAL
                    .iter()
                    .any(|(maker, model)| vendor.starts_with(maker) && product.starts_with(model))
        })
    }
}

/// Why the owner of this machine doesn't trust its hypervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confidential {
    /// AMD SEV-SNP.
    SevSnp,
    /// Intel TDX.
    Tdx,
    /// Arm CCA.
    Cca,
}

impl Confidential {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SevSnp => "AMD SEV-SNP",
            Self::Tdx => "Intel TDX",
            Self::Cca => "Arm CCA",
        }
    }

    /// Whether the machine of the tree under `root` is a confidential guest, by what only the kernel of such a guest
    /// shows.
    ///
    /// The platform device `sev-guest` is registered where the kernel runs under SEV-SNP (`snp_init_platform_device`,
    /// arch/x86/kernel/sev.c, Linux 6.1); the flag `tdx_guest` is set by `tdx_early_init` (arch/x86/coco/tdx/tdx.c,
    /// Linux 6.1); `arm-cca-dev` is registered in a realm (arch/arm64/kernel/rsi.c, Linux 6.14).
    #[must_use]
    pub fn find(root: &Path) -> Option<Self> {
        let has = |path: &str| root.join(path).exists();
        if has("sys/bus/platform/devices/sev-guest") {
            Some(Self::SevSnp)
        } else if cpu_has(root, "tdx_guest") {
            Some(Self::Tdx)
        } else if has("sys/bus/platform/devices/arm-cca-dev") {
            Some(Self::Cca)
        } else {
            None
        }
    }
}

/// Whether /proc/cpuinfo has `flag`.
fn cpu_has(root: &Path, flag: &str) -> bool {
    let Ok(text) = fs::read_to_string(root.join("proc/cpuinfo")) else { return false };
    text.lines()
        .find_map(|line| line.strip_prefix("flags")?.split_once(':'))
        .is_some_and(|(_, flags)| flags.split_whitespace().any(|word| word == flag))
}

/// A file of one line, without what surrounds it.
fn line(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0').to_owned();
    (!text.is_empty()).then_some(text)
}

/// The hypervisors' signatures, which stand from 0x40000000 on at every 0x100th leaf (Intel SDM, volume 2, CPUID;
/// where there are several, KVM's comes second: Documentation/virt/kvm/x86/cpuid.rst, Linux 6.1).
#[cfg(target_arch = "x86_64")]
fn signatures() -> Vec<String> {
    const FIRST: u32 = 0x4000_0000;
    const STEP: usize = 0x100;
    let mut found = Vec::new();
    for leaf in (FIRST..FIRST + 0x1000).step_by(STEP) {
        #[allow(unused_unsafe, reason = "newer compilers know that it is safe")]
        // SAFETY: every 64-bit x86 processor has the instruction, and a leaf that it lacks gives zeros or the last
        // one's content; nothing in memory is touched.
        let answer = unsafe { core::arch::x86_64::__cpuid(leaf) };
        let bytes: Vec<u8> =
            [answer.ebx, answer.ecx, answer.edx].iter().flat_map(|word| word.to_le_bytes()).collect();
        let text = String::from_utf8_lossy(&bytes).trim_end_matches('\0').to_owned();
        let sound = answer.eax >= leaf && answer.eax < leaf + 0x100 || answer.eax == 0;
        if text.is_empty() || !sound || !text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') {
            break;
        }
        if !found.contains(&text) {
            found.push(text);
        }
    }
    found
}

#[cfg(not(target_arch = "x86_64"))]
fn signatures() -> Vec<String> {
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    #[test]
    fn a_guest_is_known_by_its_processor_its_firmware_or_its_device_tree() {
        let qemu = Scratch::with(&[
            ("proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu hypervisor tsc\n"),
            ("sys/class/dmi/id/sys_vendor", "QEMU\n"),
            ("sys/class/dmi/id/product_name", "Standard PC (Q35 + ICH9, 2009)\n"),
        ]);
        let found = Hypervisor::find(qemu.path(), false);
        assert!(found.flag && found.is_there());
        assert_eq!(found.firmware, Some(("QEMU".to_owned(), "Standard PC (Q35 + ICH9, 2009)".to_owned())));
        assert_eq!(found.is_kvm(), None, "QEMU may emulate");
        let arm = Scratch::with(&[("proc/device-tree/hypervisor/compatible", "linux,kvm\0")]);
        assert_eq!(Hypervisor::find(arm.path(), false).is_kvm(), Some(true));
        let metal = Scratch::with(&[
            ("proc/cpuinfo", "flags\t\t: fpu tsc\n"),
            ("sys/class/dmi/id/sys_vendor", "Dell Inc.\n"),
        ]);
        assert!(!Hypervisor::find(metal.path(), false).is_there());
    }

    #[test]
    fn a_guest_on_arm_with_acpi_is_known_by_its_firmware_alone() {
        let machine = |vendor: &str, product: &str| {
            let tree = Scratch::with(&[
                ("sys/class/dmi/id/sys_vendor", vendor),
                ("sys/class/dmi/id/product_name", product),
            ]);
            Hypervisor::find(tree.path(), false).is_there()
        };
        assert!(machine("Amazon EC2", "m7g.large"));
        assert!(machine("Google", "Google Compute Engine"));
        assert!(machine("Microsoft Corporation", "Virtual Machine"));
        assert!(machine("Apple Inc.", "Apple Virtualization Generic Platform"));
        assert!(!machine("Amazon EC2", "m7g.metal"));
        assert!(!machine("Amazon EC2", "c7i.metal-24xl"));
        assert!(!machine("Microsoft Corporation", "Surface Laptop"));
        assert!(!machine("Apple Inc.", "MacBookPro16,1"));
    }

    #[test]
    fn kvm_that_pretends_to_be_hyper_v_is_kvm() {
        let signatures = vec!["Microsoft Hv".to_owned(), "KVMKVMKVM".to_owned()];
        assert_eq!(Hypervisor { signatures, ..Hypervisor::default() }.is_kvm(), Some(true));
        let signatures = vec!["VMwareVMware".to_owned()];
        assert_eq!(Hypervisor { signatures, ..Hypervisor::default() }.is_kvm(), Some(false));
    }

    #[test]
    fn a_confidential_guest_is_known_by_what_only_its_kernel_shows() {
        assert_eq!(Confidential::find(Scratch::with(&[("proc/cpuinfo", "flags : sev_snp\n")]).path()), None);
        let snp = Scratch::with(&[("sys/bus/platform/devices/sev-guest/uevent", "")]);
        assert_eq!(Confidential::find(snp.path()), Some(Confidential::SevSnp));
        let tdx = Scratch::with(&[("proc/cpuinfo", "flags\t\t: fpu tdx_guest\n")]);
        assert_eq!(Confidential::find(tdx.path()), Some(Confidential::Tdx));
    }

    #[test]
    fn this_machine_can_be_asked() {
        let _ = Hypervisor::find(Path::new("/"), true);
        let _ = Confidential::find(Path::new("/"));
    }
}
