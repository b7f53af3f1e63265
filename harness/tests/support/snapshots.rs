//! Where snapshots lie: `snapshots/FOLDER`, for the unit tests and the integration tests alike.

/// Has snapshots read from, and written to, a folder of `snapshots`.
pub fn snapshots(folder: &str) -> insta::internals::SettingsBindDropGuard {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(format!("{}/snapshots/{folder}", env!("CARGO_MANIFEST_DIR")));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind_to_scope()
}
