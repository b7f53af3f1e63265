//! A real browser, driven by the WebDriver protocol: Debian's chromium by its chromedriver.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

/// What keeps chromium from asking for anything on its own.
const FLAGS: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
];

/// Whether there is one.
pub fn is_there() -> bool {
    let there = |name: &str| {
        let command = Command::new(name).arg("--version").output();
        command.is_ok_and(|output| output.status.success())
    };
    there("chromedriver") && there("chromium")
}

/// A browser with one window.
pub struct Browser {
    driver: Child,
    port: u16,
    /// Path of the session.
    session: String,
    /// Where pictures are kept, if they are.
    pub pictures: Option<PathBuf>,
    _profile: tempfile::TempDir,
}

impl Browser {
    pub fn start() -> Result<Self, String> {
        let profile = tempfile::tempdir().map_err(|e| e.to_string())?;
        let mut driver = Command::new("chromedriver")
            .args(["--port=0", "--log-level=SEVERE"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|e| format!("chromedriver: {e}"))?;
        let said = BufReader::new(driver.stdout.take().expect("piped")).lines();
        let port: Option<u16> = said.map_while(Result::ok).find_map(|line| {
            let (_, port) = line.split_once("started successfully on port ")?;
            port.trim_end_matches('.').parse().ok()
        });
        let mut browser = Browser {
            driver,
            port: port.ok_or("chromedriver names no port")?,
            session: "/session".to_owned(),
            pictures: None,
            _profile: profile,
        };
        let mut args: Vec<String> = FLAGS.map(str::to_owned).into();
        args.push(format!("--user-data-dir={}", browser._profile.path().display()));
        let asked = json!({"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": {"args": args},
            "goog:loggingPrefs": {"browser": "ALL"},
        }}});
        let started = browser.post("", &asked)?;
        let id = started["sessionId"].as_str().ok_or("no session")?;
        browser.session = format!("{}/{id}", browser.session);
        Ok(browser)
    }

    /// Asks the driver; it answers one request a connection.
    fn ask(&self, method: &str, path: &str, body: &str) -> Result<Value, String> {
        let fail = |e: std::io::Error| format!("{method} {path}: {e}");
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).map_err(fail)?;
        stream.set_read_timeout(Some(Duration::from_secs(300))).map_err(fail)?;
        let session = &self.session;
        let length = body.len();
        let head = format!(
            "{method} {session}{path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        );
        stream
            .write_all(head.as_bytes())
            .and_then(|()| stream.write_all(body.as_bytes()))
            .map_err(fail)?;
        let mut answer = BufReader::new(stream);
        let mut length = 0;
        for line in answer.by_ref().lines() {
            let line = line.map_err(fail)?.to_ascii_lowercase();
            if let Some(said) = line.strip_prefix("content-length:") {
                length = said.trim().parse().map_err(|e| format!("{line}: {e}"))?;
            }
            if line.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        answer.read_exact(&mut body).map_err(fail)?;
        serde_json::from_slice(&body).map_err(|e| format!("{method} {path}: {e}"))
    }

    fn post(&self, path: &str, body: &Value) -> Result<Value, String> {
        let value = self.ask("POST", path, &body.to_string())?["value"].take();
        match value["error"].as_str() {
            Some(error) => Err(format!("{path}: {error}: {}", value["message"])),
            None => Ok(value),
        }
    }

    /// Opens a file, at a fragment.
    pub fn open(&self, file: &Path, fragment: &str) -> Result<(), String> {
        // Another fragment alone would not load it again.
        self.post("/url", &json!({"url": "about:blank"}))?;
        self.post("/url", &json!({"url": format!("file://{}{fragment}", file.display())})).map(drop)
    }

    /// What a function's body gives back.
    pub fn run(&self, script: &str) -> Result<Value, String> {
        self.post("/execute/sync", &json!({"script": script, "args": []}))
    }

    fn element(&self, selector: &str) -> Result<String, String> {
        let found = self.post("/element", &json!({"using": "css selector", "value": selector}))?;
        let id = found.as_object().and_then(|o| o.values().next()).and_then(Value::as_str);
        id.map(str::to_owned).ok_or_else(|| format!("{selector}: no element"))
    }

    /// Clicks as a mouse does: what is hidden or covered cannot be.
    pub fn click(&self, selector: &str) -> Result<(), String> {
        let element = self.element(selector)?;
        self.post(&format!("/element/{element}/click"), &json!({})).map(drop)
    }

    /// Presses a key where the focus is.
    pub fn press(&self, key: char) -> Result<(), String> {
        let keys = json!([{"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]);
        let source = json!({"type": "key", "id": "keys", "actions": keys});
        self.post("/actions", &json!({"actions": [source]})).map(drop)
    }

    /// What the console has said since it was asked last.
    pub fn console(&self) -> Result<Vec<String>, String> {
        let said = self.post("/se/log", &json!({"type": "browser"}))?;
        let entries = said.as_array().into_iter().flatten();
        Ok(entries.map(|entry| entry["message"].to_string()).collect())
    }

    fn devtools(&self, cmd: &str, params: &Value) -> Result<Value, String> {
        self.post("/goog/cdp/execute", &json!({"cmd": cmd, "params": params}))
    }

    /// As on a screen of this width, light or dark.
    pub fn look(&self, width: u32, dark: bool) -> Result<(), String> {
        let mobile = width < 600;
        let size = json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": mobile});
        self.devtools("Emulation.setDeviceMetricsOverride", &size)?;
        let scheme = if dark { "dark" } else { "light" };
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.devtools("Emulation.setEmulatedMedia", &json!({"features": features})).map(drop)
    }

    /// A picture of what is to be seen, as PNG.
    pub fn screenshot(&self) -> Result<Vec<u8>, String> {
        let taken = self.devtools("Page.captureScreenshot", &json!({"format": "png"}))?;
        let data = taken["data"].as_str().ok_or("no picture")?;
        Ok(bytes(data))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.ask("DELETE", "", "");
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// The bytes that base64 stands for.
fn bytes(text: &str) -> Vec<u8> {
    let value = |c: u8| match c {
        b'A'..=b'Z' => c - b'A',
        b'a'..=b'z' => c - b'a' + 26,
        b'0'..=b'9' => c - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let digits: Vec<u8> = text.bytes().filter(|c| *c != b'=').map(value).collect();
    let group = |four: &[u8]| {
        let n =
            four.iter().fold(0u32, |n, digit| n << 6 | u32::from(*digit)) << (6 * (4 - four.len()));
        n.to_be_bytes()[1..four.len()].to_vec()
    };
    digits.chunks(4).flat_map(group).collect()
}
