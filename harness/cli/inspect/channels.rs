//! `inspect --channel`: recorded channels of a multifd migration.

use std::fs::File;
use std::path::PathBuf;

use super::CliError;
use crate::cli::Output;
use crate::stream::multifd::{self, Load, Packet};

/// Counts of a channel.
#[derive(Default)]
struct Counts {
    packets: u64,
    syncs: u64,
    normal: u64,
    zero: u64,
    devices: u64,
    data: u64,
    unpacked: u64,
}

impl Counts {
    fn add(&mut self, packet: &Packet) {
        self.packets += 1;
        self.syncs += u64::from(packet.syncs());
        self.data += u64::from(packet.size);
        self.unpacked += packet.unpacked.unwrap_or(u64::from(packet.size));
        match &packet.load {
            Load::Pages { normal, zero, .. } => {
                self.normal += u64::from(*normal);
                self.zero += u64::from(*zero);
            }
            Load::Device { .. } => self.devices += 1,
        }
    }
}

/// Each packet as a row, and what a channel comes to.
pub(super) fn run(paths: &[PathBuf]) -> Result<Output, CliError> {
    let mut text = String::new();
    for path in paths {
        let name = path.display().to_string();
        let failed = |why: String| CliError::Stream { name: name.clone(), why };
        let mut file = File::open(path).map_err(|e| failed(format!("cannot read: {e}")))?;
        let mut counts = Counts::default();
        let mut rows = String::new();
        let read = multifd::read(&mut file, |packet| {
            counts.add(packet);
            rows += &row(packet);
        });
        let channel = read.map_err(|e| failed(e.to_string()))?;
        let uuid: String = channel.uuid.iter().map(|byte| format!("{byte:02x}")).collect();
        text += &format!("{name}: channel {}, machine {uuid}\n", channel.id);
        text += &format!("{:<8} | {:>8} | packet\n{rows}", "offset", "data");
        let Counts { packets, syncs, normal, zero, devices, data, unpacked } = counts;
        text += &format!(
            "{packets} packets, {syncs} of them with SYNC: {normal} pages in {data} bytes, unpacked \
             {unpacked}; {zero} zero pages; {devices} packets of device state\n"
        );
    }
    Ok(Output { text, holds: true })
}

fn row(packet: &Packet) -> String {
    let mut marks = Vec::new();
    if packet.syncs() {
        marks.push("SYNC".to_string());
    }
    match &packet.load {
        Load::Pages { block, normal, zero, number } => {
            marks.push(format!("number {number}"));
            if normal + zero > 0 {
                marks.push(format!("{block}: {normal} pages, {zero} zero"));
            }
            if packet.compression() != "none" {
                marks.push(packet.compression().to_string());
            }
            marks.extend(packet.unpacked.map(|n| format!("unpacked {n}")));
        }
        Load::Device { idstr, instance_id } => marks.push(format!("device {idstr} {instance_id}")),
    }
    format!("{:08x} | {:>8} | {}\n", packet.offset, packet.size, marks.join(", "))
}
