//! The pages of a report, as a browser has them. `REPORT` names a report that is there already, else
//! a small one is made; `SCREENSHOTS` a folder for pictures. What needs a browser is shown as ignored
//! where there is none.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "tests")]

#[path = "support/browser.rs"]
mod browser;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use browser::Browser;
use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::Value;

const RIGHT: char = '\u{e014}';
const DOWN: char = '\u{e015}';
const ENTER: char = '\u{e007}';
const ESCAPE: char = '\u{e00c}';

fn main() {
    let arguments = Arguments::from_args();
    let made = tempfile::tempdir().unwrap();
    let folder = match std::env::var_os("REPORT") {
        Some(folder) => fs::canonicalize(folder).unwrap(),
        None if arguments.list => PathBuf::new(),
        None => small(&made.path().join("report")),
    };
    let missing = !browser::is_there();
    let mut trials = vec![trial("needs_nothing_else", &folder, needs_nothing_else)];
    let in_browser: [(&str, Check); 5] = [
        ("grid_filters_keys_and_what_is_behind", grid),
        ("every_page_opens_and_the_console_says_nothing", opens),
        ("fits_a_telephone", narrow),
        ("contrast", contrast),
        ("a_broken_page_is_noticed", faults),
    ];
    // One browser at a time is enough for two processors.
    static ONE: Mutex<()> = Mutex::new(());
    for (name, check) in in_browser {
        let folder = folder.clone();
        let run = move || {
            let _one = ONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let mut browser = Browser::start()?;
            browser.pictures = std::env::var_os("SCREENSHOTS").map(PathBuf::from);
            check(&mut browser, &folder).map_err(Failed::from)
        };
        trials.push(Trial::test(name, run).with_ignored_flag(missing));
    }
    libtest_mimic::run(&arguments, trials).exit();
}

type Check = fn(&mut Browser, &Path) -> Result<(), String>;

fn trial(name: &str, folder: &Path, check: fn(&Path) -> Result<(), String>) -> Trial {
    let folder = folder.to_owned();
    Trial::test(name, move || check(&folder).map_err(Failed::from))
}

/// A report of two machine types.
fn small(folder: &Path) -> PathBuf {
    let machines = ["--machine", "pc-0.12", "--machine", "pc-i440fx-7.2"];
    let output = Command::new(env!("CARGO_BIN_EXE_crossload"))
        .args(["report", "--page", "matrix", "--html"])
        .arg(folder)
        .args(machines)
        .output()
        .expect("crossload runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    folder.to_owned()
}

fn pages(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut pages: Vec<PathBuf> = entries.collect();
    pages.sort();
    pages
}

fn ensure(holds: bool, what: impl Into<String>) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what.into()) }
}

/// No page asks for another file, all are small, and what lies behind a cell is there.
fn needs_nothing_else(folder: &Path) -> Result<(), String> {
    let mut size = 0;
    for page in pages(folder) {
        let html = fs::read_to_string(&page).unwrap();
        size += html.len();
        let name = page.display();
        ensure(html.contains("default-src 'none'"), format!("{name}: no policy"))?;
        for asks in ["src=", "@import", "url(http", "fetch(", "href=\"http", "<link rel=\"style"] {
            ensure(!html.contains(asks), format!("{name}: has {asks}"))?;
        }
    }
    ensure(size < 2_000_000, format!("{size} bytes"))?;
    let html = fs::read_to_string(folder.join("index.html")).unwrap();
    let (_, data) = html.split_once("<script id=\"data\" type=\"application/json\">").unwrap();
    let data: Value = serde_json::from_str(data.split_once("</script>").unwrap().0).unwrap();
    let texts = data["strings"].as_array().unwrap();
    let behind = data["cells"].as_array().unwrap().iter().filter(|c| c["at"].is_array()).count();
    ensure(behind > 100 && texts.len() > 100, format!("{behind} cells with readings"))
}

/// The number of cells that are not faded, and what the page says of it.
fn shown(browser: &Browser) -> Result<(u64, String), String> {
    let said = browser.run(
        "return [document.querySelectorAll('figure.grid button[data-c]:not(.off)').length, document.getElementById('count').textContent]",
    )?;
    let n = said[0].as_u64().ok_or("no count")?;
    Ok((n, said[1].as_str().unwrap_or("").to_owned()))
}

fn quiet(browser: &Browser) -> Result<(), String> {
    let said = browser.console()?;
    ensure(said.is_empty(), format!("the console says: {said:?}"))
}

fn grid(browser: &mut Browser, folder: &Path) -> Result<(), String> {
    let page = folder.join("index.html");
    browser.look(1280, false)?;
    browser.open(&page, "")?;
    let (all, said) = shown(browser)?;
    ensure(all > 300 && said == format!("{all} cells"), format!("{all} cells, but: {said}"))?;
    picture(browser, "matrix-light")?;

    // By verdict, then also by release, then by device; and all of it in the address.
    browser.click("input[value=misparsed]")?;
    let (few, said) = shown(browser)?;
    ensure(few > 0 && few < all, format!("{few} of {all}"))?;
    ensure(said == format!("{few} of {all} cells"), said)?;
    let other = "return [...document.querySelectorAll('figure.grid button[data-c]:not(.off)')].filter(b => !b.classList.contains('misparsed')).length";
    ensure(browser.run(other)? == 0, "cells of another verdict are shown")?;
    let choose = |id: &str, value: &str| {
        browser.run(&format!(
            "const s = document.getElementById('{id}'); s.value = '{value}'; s.dispatchEvent(new Event('input', {{bubbles: true}})); return s.value"
        ))
    };
    choose("release", "0.12.5")?;
    choose("device", "ide")?;
    let (fewer, _) = shown(browser)?;
    ensure(fewer > 0 && fewer <= few, format!("{fewer} of {few}"))?;
    let hash = browser.run("return location.hash")?;
    let address = hash.to_string();
    for part in ["release=0.12.5", "device=ide", "verdict=misparsed"] {
        ensure(address.contains(part), format!("{address} has no {part}"))?;
    }
    // A way down the page leaves all that as it is.
    browser.click(".jump a[href='#findings']")?;
    ensure(browser.run("return location.hash")? == hash, "a jump changes the address")?;
    ensure(browser.run("return scrollY > 100")? == true, "a jump goes nowhere")?;
    browser.run("scrollTo({top: 0, behavior: 'instant'}); return scrollY")?;
    browser.click("#filters button[type=reset]")?;
    let (again, _) = shown(browser)?;
    ensure(again == all, format!("{again} of {all} after reset"))?;

    // By keys: right and down in a grid, Enter opens, Escape closes and gives the focus back.
    browser.run("document.querySelector('figure.grid button[data-c]').focus()")?;
    let label = || browser.run("return document.activeElement.getAttribute('aria-label')");
    let first = label()?;
    browser.press(RIGHT)?;
    let right = label()?;
    browser.press(DOWN)?;
    let down = label()?;
    ensure(first != right && right != down && down.is_string(), format!("{first} {right} {down}"))?;
    browser.press(ENTER)?;
    let open = "return document.getElementById('behind').open";
    ensure(browser.run(open)? == true, "Enter opens nothing")?;
    browser.press(ESCAPE)?;
    ensure(browser.run(open)? == false && label()? == down, "Escape does not give the focus back")?;

    // A click: both readings, the place marked, and an address that opens it again.
    browser.click("figure.grid button.misparsed")?;
    let rows =
        "return [...document.querySelectorAll('#behind .bytes tr.here')].map(r => r.textContent)";
    let marked = browser.run(rows)?;
    ensure(marked[0].as_str().is_some_and(|row| row.contains('▶')), format!("{marked}"))?;
    picture(browser, "cell-light")?;
    let address = browser.run("return location.hash")?;
    browser.open(&page, address.as_str().ok_or("no address")?)?;
    ensure(browser.run(rows)? == marked, "the address does not open the cell")?;
    browser.click("#behind button")?;
    ensure(browser.run(open)? == false, "the button does not close")?;
    quiet(browser)
}

fn opens(browser: &mut Browser, folder: &Path) -> Result<(), String> {
    for (width, dark) in [(1280, false), (1280, true)] {
        browser.look(width, dark)?;
        for page in pages(folder) {
            browser.open(&page, "")?;
            let name = page.file_stem().unwrap().to_string_lossy().into_owned();
            let heads = browser.run(
                "return [document.querySelectorAll('h1').length, document.querySelectorAll('main').length, document.title, document.documentElement.lang, document.querySelectorAll('nav [aria-current=page]').length]",
            )?;
            let right = heads[0] == 1 && heads[1] == 1 && heads[3] == "en" && heads[4] == 1;
            ensure(right, format!("{name}: {heads}"))?;
            // Every heading is at most one level below the one before.
            let levels = browser.run("return [...document.querySelectorAll('main h1, main h2, main h3, main h4')].map(h => Number(h.tagName[1]))")?;
            let levels: Vec<u64> =
                levels.as_array().unwrap().iter().filter_map(Value::as_u64).collect();
            ensure(levels.windows(2).all(|w| w[1] <= w[0] + 1), format!("{name}: {levels:?}"))?;
            picture(browser, &format!("{name}-{}", if dark { "dark" } else { "light" }))?;
            quiet(browser)?;
        }
    }
    browser.open(&folder.join("index.html"), "")?;
    browser.click("figure.grid button.misparsed")?;
    picture(browser, "cell-dark")
}

fn narrow(browser: &mut Browser, folder: &Path) -> Result<(), String> {
    browser.look(375, false)?;
    for page in pages(folder) {
        browser.open(&page, "")?;
        let name = page.file_stem().unwrap().to_string_lossy().into_owned();
        let width = browser.run("return document.documentElement.scrollWidth")?;
        ensure(width.as_u64().is_some_and(|w| w <= 375), format!("{name} is {width} wide"))?;
        picture(browser, &format!("{name}-narrow"))?;
    }
    browser.open(&folder.join("index.html"), "")?;
    browser.click("figure.grid button.misparsed")?;
    let box_ = browser.run("const r = document.getElementById('behind').getBoundingClientRect(); return [r.left, r.right]")?;
    let inside = box_[0].as_f64() >= Some(0.0) && box_[1].as_f64() <= Some(375.0);
    ensure(inside, format!("what is behind a cell reaches from {box_}"))?;
    // What one wrote and the other read is seen at once.
    let beyond = browser.run("return [...document.querySelectorAll('#behind .bytes td')].filter((td) => td.getBoundingClientRect().right > 375).length")?;
    ensure(beyond == 0, format!("{beyond} readings reach beyond the screen"))?;
    picture(browser, "cell-narrow")?;
    quiet(browser)
}

/// Contrast of text and cells with what is behind them is at least 4.5 to 1, in light and dark.
fn contrast(browser: &mut Browser, folder: &Path) -> Result<(), String> {
    let script = "
        const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
        const rgb = (c) => { canvas.fillStyle = c; canvas.fillRect(0, 0, 1, 1); return [...canvas.getImageData(0, 0, 1, 1).data]; };
        const light = ([r, g, b]) => { const f = (v) => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; return .2126 * f(r) + .7152 * f(g) + .0722 * f(b); };
        const behind = (e) => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor; if (!c.endsWith(', 0)') && c !== 'transparent') return c; } return getComputedStyle(document.body).backgroundColor; };
        const bad = new Set();
        for (const e of document.querySelectorAll('main *, header *')) {
            if (![...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim()) || e.closest('svg') || !e.getClientRects().length || e.matches('option, .unseen')) continue;
            const [a, b] = [getComputedStyle(e).color, behind(e)].map((c) => light(rgb(c)));
            const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
            if (ratio < 4.5) bad.add(`${e.tagName}.${e.className}: ${ratio.toFixed(2)}`);
        }
        return [...bad]";
    for dark in [false, true] {
        browser.look(1280, dark)?;
        for page in pages(folder) {
            browser.open(&page, "")?;
            let bad = browser.run(script)?;
            let name = page.display();
            ensure(bad == Value::Array(vec![]), format!("{name}, dark {dark}: {bad}"))?;
        }
    }
    Ok(())
}

/// The checks find faults: a page whose filters do nothing, one whose script ends early, one that asks the
/// network, one whose text can hardly be seen.
fn faults(browser: &mut Browser, folder: &Path) -> Result<(), String> {
    let html = fs::read_to_string(folder.join("index.html")).unwrap();
    let spoilt: [(&str, &str, Check); 5] = [
        ("classList.toggle(\"off\"", "classList.contains(\"off\"", grid),
        ("const follow = () => {", "const follow = () => { throw new Error('planted');", opens),
        ("<main", "<img src=\"http://127.0.0.1:9/x.png\" alt=\"\"><main", opens),
        ("min-width: 0; }", "min-width: 60rem; }", narrow),
        ("--soft: #545b63", "--soft: #b5bbc3", contrast),
    ];
    browser.pictures = None;
    for (what, instead, check) in spoilt {
        ensure(html.contains(what), format!("the page has no {what}"))?;
        let spoilt = tempfile::tempdir().map_err(|e| e.to_string())?;
        fs::write(spoilt.path().join("index.html"), html.replace(what, instead)).unwrap();
        let found = check(browser, spoilt.path());
        ensure(found.is_err(), format!("nobody notices {instead}"))?;
        browser.console()?;
    }
    Ok(())
}

/// Keeps a picture, if somebody wants it.
fn picture(browser: &Browser, name: &str) -> Result<(), String> {
    let Some(folder) = &browser.pictures else { return Ok(()) };
    fs::create_dir_all(folder).map_err(|e| e.to_string())?;
    let file = folder.join(format!("{name}.png"));
    fs::write(file, browser.screenshot()?).map_err(|e| e.to_string())
}
