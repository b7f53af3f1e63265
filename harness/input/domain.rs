//! What the domain XML of a save image says of the machine, as far as a destination depends on it.

use roxmltree::{Document, Node, ParsingOptions};
use serde::Serialize;

/// Most elements and texts of a domain; one of hundreds of devices has some thousands.
const MAX_NODES: u32 = 200_000;

/// A machine as libvirt describes it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Domain {
    /// `kvm`, `qemu`, ...
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Architecture of the guest.
    pub arch: Option<String>,
    /// Machine type, which may be an alias such as `pc`.
    pub machine: Option<String>,
    /// Path of the binary that ran it.
    pub emulator: Option<String>,
    /// Mode and model of the processor.
    pub cpu: Option<String>,
    /// Processors at most.
    pub vcpus: Option<u32>,
    /// Memory in KiB.
    pub memory_kib: Option<u64>,
    /// Each device: its element, and what tells which it is.
    pub devices: Vec<String>,
    /// The XML, as it was written.
    pub xml: String,
}

/// Attributes by which devices of one element differ.
const TELLING: [&str; 4] = ["type", "model", "bus", "device"];

impl Domain {
    /// Reads a domain.
    ///
    /// # Errors
    /// What is wrong with the XML, with line and column.
    pub fn parse(xml: &[u8]) -> Result<Self, String> {
        let xml = std::str::from_utf8(xml).map_err(|e| format!("the domain XML: {e}"))?;
        let options = ParsingOptions { nodes_limit: MAX_NODES, ..ParsingOptions::default() };
        let document = Document::parse_with_options(xml, options)
            .map_err(|e| format!("the domain XML: {e}"))?;
        let root = document.root_element();
        if !root.has_tag_name("domain") {
            return Err(format!("the domain XML begins with <{}>", root.tag_name().name()));
        }
        let text = |name| Some(child(root, name)?.text()?.trim().to_string());
        let kind = child(root, "os").and_then(|os| child(os, "type"));
        let of_type = |name| Some(kind?.attribute(name)?.to_string());
        let devices = child(root, "devices");
        let emulator = devices.and_then(|all| child(all, "emulator"));
        let elements = devices.into_iter().flat_map(|all| all.children());
        let listed = elements.filter(|node| {
            node.is_element() && !matches!(node.tag_name().name(), "emulator" | "alias")
        });
        Ok(Domain {
            kind: root.attribute("type").unwrap_or_default().to_string(),
            name: text("name").unwrap_or_default(),
            arch: of_type("arch"),
            machine: of_type("machine"),
            emulator: emulator.and_then(|node| Some(node.text()?.trim().to_string())),
            cpu: child(root, "cpu").map(cpu),
            vcpus: text("vcpu").and_then(|n| n.parse().ok()),
            memory_kib: child(root, "memory").and_then(memory),
            devices: listed.map(device).collect(),
            xml: xml.to_string(),
        })
    }

    /// In lines: name, machine type, memory, emulator, devices.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let or = |text: &Option<String>| text.clone().unwrap_or_else(|| "not told".to_string());
        let mut lines = vec![format!(
            "domain '{}' ({}), machine type {}, {}",
            self.name,
            self.kind,
            or(&self.machine),
            or(&self.arch)
        )];
        let mut more = Vec::new();
        more.extend(self.memory_kib.map(|kib| format!("{kib} KiB of memory")));
        more.extend(self.vcpus.map(|n| format!("{n} processors")));
        more.extend(self.cpu.as_ref().map(|cpu| format!("cpu {cpu}")));
        more.extend(self.emulator.as_ref().map(|path| format!("emulator {path}")));
        if !more.is_empty() {
            lines.push(format!("domain: {}", more.join(", ")));
        }
        if !self.devices.is_empty() {
            lines.push(format!("domain devices: {}", self.devices.join("; ")));
        }
        lines
    }
}

fn child<'a, 'i>(node: Node<'a, 'i>, name: &str) -> Option<Node<'a, 'i>> {
    node.children().find(|child| child.has_tag_name(name))
}

/// Mode and model: `custom qemu64`, `host-passthrough`.
fn cpu(node: Node<'_, '_>) -> String {
    let mode = node.attribute("mode").unwrap_or("custom");
    let model = child(node, "model").and_then(|model| model.text()).unwrap_or_default();
    format!("{mode} {}", model.trim()).trim_end().to_string()
}

/// An amount of memory in KiB, whatever its unit.
fn memory(node: Node<'_, '_>) -> Option<u64> {
    let amount: u64 = node.text()?.trim().parse().ok()?;
    let bytes = match node.attribute("unit").unwrap_or("KiB") {
        "b" | "bytes" => 1,
        "KB" => 1000,
        "k" | "KiB" => 1 << 10,
        "MB" => 1_000_000,
        "M" | "MiB" => 1 << 20,
        "GB" => 1_000_000_000,
        "G" | "GiB" => 1 << 30,
        "TB" => 1_000_000_000_000,
        "T" | "TiB" => 1 << 40,
        _ => return None,
    };
    Some(amount.checked_mul(bytes)? / 1024)
}

/// A device's element with what tells which it is: `disk device=disk target bus=virtio`.
fn device(node: Node<'_, '_>) -> String {
    let mut text = node.tag_name().name().to_string();
    let mut tell = |node: Node<'_, '_>, prefix: &str| {
        for name in TELLING {
            if let Some(value) = node.attribute(name) {
                text += &format!(" {prefix}{name}={value}");
            }
        }
    };
    tell(node, "");
    for name in ["model", "target", "backend"] {
        if let Some(inner) = child(node, name) {
            tell(inner, &format!("{name}."));
        }
    }
    text
}
