//! `-o html` in a real browser: nothing overflows, the namespaces are drawn as boxes beside each other, the hop that fails is
//! red with its rule in its box, in English and in Chinese, on a screen and on a telephone.
//!
//! Needs chromium, so it is part of `make test-long` alone (`PLUMB_CHROMIUM` names another browser of its kind).

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::Command;

use plumb_tests::binary::Plumb;
use plumb_tests::lab::Lab;
use serde_json::Value;

/// Asks the laid-out page; what it finds is left in the document, which `--dump-dom` prints.
const MEASURE: &str = r#"<script>
addEventListener('load', () => {
  const all = (s) => [...document.querySelectorAll(s)];
  const rect = (e) => { const r = e.getBoundingClientRect(); return [r.left, r.top, r.right, r.bottom]; };
  const within = (i, o) => i[0] >= o[0] - 1 && i[1] >= o[1] - 1 && i[2] <= o[2] + 1 && i[3] <= o[3] + 1;
  const apart = (a, b) => a[2] <= b[0] + 1 || b[2] <= a[0] + 1 || a[3] <= b[1] + 1 || b[3] <= a[1] + 1;
  const overlapping = all('.path').flatMap((p) => {
    const boxes = [...p.querySelectorAll('.box')].map(rect);
    return boxes.flatMap((a, i) => boxes.slice(i + 1).filter((b) => !apart(a, b)));
  });
  const found = {
    width: [document.documentElement.scrollWidth, innerWidth],
    lang: document.documentElement.lang,
    cards: all('.card').length,
    boxes: all('.box').length,
    overlapping: overlapping.length,
    failing: all('.box.fails').map((b) => getComputedStyle(b).borderTopColor),
    steps: all('.box.fails li.fails').map((l) => [getComputedStyle(l).color, l.textContent]),
    rules: all('.box.fails .rule').map((r) => [within(rect(r), rect(r.closest('.box'))), r.textContent]),
    outside: all('.card, .box').filter((e) => rect(e)[2] > innerWidth + 1 || rect(e)[3] <= rect(e)[1]).length,
    loaded: performance.getEntriesByType('resource').length,
  };
  const out = document.createElement('pre');
  out.id = 'measured';
  out.textContent = JSON.stringify(found);
  document.body.append(out);
});
</script>"#;

/// The red of the light style sheet.
const RED: &str = "rgb(192, 38, 45)";

fn measured(page: &str, directory: &Path, width: u32) -> Value {
    let file = directory.join(format!("page-{width}.html"));
    std::fs::write(&file, page.replace("</head>", &format!("{MEASURE}</head>"))).unwrap();
    let browser = std::env::var("PLUMB_CHROMIUM").unwrap_or_else(|_| "chromium".to_owned());
    let output = Command::new(&browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--dump-dom"])
        .arg("--virtual-time-budget=10000")
        .arg(format!("--window-size={width},900"))
        .arg(format!("--user-data-dir={}", directory.join("profile").display()))
        .arg(format!("file://{}", file.display()))
        .output()
        .unwrap_or_else(|e| panic!("{browser}: {e}; install chromium, or name it in PLUMB_CHROMIUM"));
    let dom = String::from_utf8_lossy(&output.stdout).into_owned();
    let found = dom.split("<pre id=\"measured\">").nth(1).and_then(|rest| rest.split("</pre>").next());
    let found = found.unwrap_or_else(|| panic!("{dom}\n{}", String::from_utf8_lossy(&output.stderr)));
    serde_json::from_str(&found.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")).unwrap()
}

/// What holds of every page.
fn is_laid_out(page: &str, directory: &Path, lang: &str) -> Value {
    for width in [1280, 500] {
        let m = measured(page, directory, width);
        assert_eq!(m["lang"], lang);
        assert!(m["width"][0].as_u64() <= m["width"][1].as_u64(), "wider than the screen: {m}");
        assert!(m["cards"].as_u64() > Some(0) && m["boxes"].as_u64() > Some(1), "{m}");
        for none in ["overlapping", "outside", "loaded"] {
            assert_eq!(m[none], 0, "{none}: {m}");
        }
    }
    measured(page, directory, 1280)
}

#[test]
#[ignore = "needs chromium; part of make test-long"]
fn a_browser_shows_where_the_packet_ends() {
    let plumb = Plumb::find().unwrap();
    let lab = Lab::up(plumb.clone()).unwrap();
    lab.break_first("F01").unwrap();
    let directory = tempfile::tempdir().unwrap();
    let pattern = format!("{}-*", lab.name());
    let page = |arguments: &[&str]| {
        let output = plumb.run_plain(arguments).unwrap();
        assert_eq!(output.status, Some(1), "{arguments:?}: {}", output.stderr);
        output.stdout_text()
    };
    let report = page(&["check", "--netns", &pattern, "-o", "json"]);
    let report: Value = serde_json::from_str(&report).unwrap();
    let finding = &report["findings"][0];
    let rule = finding["place"]["rule"].as_str().unwrap();
    let (from, to) = (&finding["pairs"]["first"][0], &finding["pairs"]["first"][1]);

    for (lang, tag) in [("en", "en"), ("zh", "zh-Hans")] {
        let checked = page(&["check", "--netns", &pattern, "-o", "html", "--lang", lang]);
        let asked = ["diagnose", from.as_str().unwrap(), to.as_str().unwrap(), "-o", "html", "--lang", lang];
        for text in [checked, page(&asked)] {
            let m = is_laid_out(&text, directory.path(), tag);
            assert_eq!(m["failing"].as_array().map(Vec::len), Some(1), "one box fails: {m}");
            assert_eq!(m["failing"][0], RED, "{m}");
            assert_eq!(m["steps"][0][0], RED, "{m}");
            assert_eq!(m["rules"][0][0], true, "the rule stands in its box: {m}");
            assert_eq!(m["rules"][0][1], rule, "{m}");
        }
    }
}
