//! Device types of made-up catalogues, each alone from one release into another.

use super::*;

#[rstest::rstest]
#[case("*", "anything", true)]
#[case("virtio-*", "virtio-net-pci", true)]
#[case("virtio-*-pci", "virtio-net-pci", true)]
#[case("virtio-*-pci", "virtio-net-device", false)]
#[case("e1000", "e1000e", false)]
#[case("*e", "e1000e", true)]
fn patterns(#[case] glob: &str, #[case] name: &str, #[case] fit: bool) {
    assert_eq!(fits(glob, name), fit);
}

fn row(source: &str, destination: &str, answer: Answer) -> Row {
    Row {
        device: "nic".to_owned(),
        place: String::new(),
        varied: String::new(),
        section: "nic".to_owned(),
        source: source.to_owned(),
        destination: destination.to_owned(),
        machines: vec!["pc-q35-7.2".to_owned()],
        answer,
    }
}

fn judged(verdict: Verdict) -> Answer {
    Answer::Judged(Box::new(Judged {
        verdict,
        stopped: 0,
        taken: 0,
        size: 0,
        error: None,
        difference: None,
        false_end: None,
        defaults: Vec::new(),
        gave_up: Vec::new(),
    }))
}

#[rstest::rstest]
#[case("1.0", "2.0", Verdict::Faithful, Standing::Good)]
#[case("1.0", "2.0", Verdict::Refused, Standing::Broken)]
#[case("2.0", "1.0", Verdict::Refused, Standing::Reported)]
#[case("2.0", "1.0", Verdict::Misparsed, Standing::Known(0))]
#[case("1.0", "2.0", Verdict::Misparsed, Standing::Broken)]
fn a_device_stands_to_the_policy_as_a_cell_does(
    #[case] source: &str,
    #[case] destination: &str,
    #[case] verdict: Verdict,
    #[case] expected: Standing,
) {
    let text = r#"
release = [{ name = "1.0", about = "x" }, { name = "2.0", about = "x" }]
machine = [{ name = "pc-1.0" }]
scenario = [{ name = "idle", about = "x", guest = "idle", arguments = [] }]
policy = { forward = ["faithful"], backward = ["faithful", "refused"] }
[[known_device]]
source = "2.0"
destination = "1.0"
devices = ["n*"]
verdict = "misparsed"
reason = "a field moved"
reference = "a commit"
"#;
    let config = Config::parse("matrix.toml", text).unwrap();
    let mut row = row(source, destination, judged(verdict));
    assert_eq!(standing(&config, &row), expected);
    // A machine type without a number promises nothing.
    row.machines = vec!["riscv64/virt".to_owned()];
    assert_eq!(standing(&config, &row), Standing::Reported);
}
