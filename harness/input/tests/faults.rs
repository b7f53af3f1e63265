//! Planted faults of this room: what the fuzz target checks of any file finds each of them.

use super::stream;
use crate::fuzzing::containers::{self, Clusters, Disk, save_image};
use crate::fuzzing::counters::Counts;
use crate::fuzzing::targets::input_open;
use crate::wire::Fault;
use crate::wire::fault::plant;

const XML: &str = "<domain type='kvm'><name>vm1</name><os><type arch='x86_64' machine='pc'>hvm</type></os></domain>";

/// A stream with more behind it, none of it alike.
fn long(len: usize) -> Vec<u8> {
    let mut bytes = stream();
    bytes.extend((1..).flat_map(u32::to_le_bytes).take(len));
    bytes
}

/// A file of the kind that shows the fault.
fn shown_by(fault: Fault) -> Vec<u8> {
    match fault {
        Fault::BoundIgnored => containers::pack("zstd", &long(2 << 20)).expect("packed"),
        Fault::HeadCounted => save_image((2, 0), false, true, XML, &long(5000)),
        Fault::InsideIgnored => {
            let snapshots = vec![("one".to_string(), long(20_000))];
            let disk = Disk {
                version: 3,
                cluster_bits: 12,
                clusters: Clusters::Plain,
                zstd: false,
                extended: false,
                size: 1 << 20,
                snapshots,
            };
            disk.write().expect("disk")
        }
        other => panic!("{other:?} is no fault of this room"),
    }
}

#[test]
fn planted_faults_are_found() {
    for fault in Fault::INPUT {
        let file = shown_by(fault);
        let run = || input_open::run(&file, &mut Counts::default());
        assert!(run().is_ok(), "{fault:?} is found where it is not");
        let _planted = plant(fault);
        assert!(run().is_err(), "{fault:?} is not found");
    }
}
