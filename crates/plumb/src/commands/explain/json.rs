//! An explanation as JSON: its own form, and the sentence of each meaning in the language that was asked for.

use plumb_doctor::messages::Lang;
use plumb_proxy::explain::Explanation;
use serde_json::Value;

use crate::error::Error;
use crate::lang::explain as say;

pub(super) fn of(explanation: &Explanation, lang: Lang) -> Result<Value, Error> {
    let unwritable = |e: serde_json::Error| Error::file("write to", "-")(std::io::Error::other(e));
    let mut document = serde_json::to_value(explanation).map_err(unwritable)?;
    let fields = document.get_mut("fields").and_then(Value::as_array_mut).into_iter().flatten();
    for (field, told) in fields.zip(&explanation.fields) {
        let meanings = field.get_mut("meaning").and_then(Value::as_array_mut).into_iter().flatten();
        for (meaning, told) in meanings.zip(&told.meaning) {
            if let Value::Object(meaning) = meaning {
                meaning.insert("text".to_owned(), say::meaning(lang, told).into());
            }
        }
    }
    Ok(document)
}
