//! Sets, maps and their elements.

use super::fields::Fields;
use super::{ElementsOf, Part, data, expr, header, unknown};
use crate::nlattr::{Attr, DecodeError};
use crate::types::*;
use crate::uapi as u;

/// `NFT_MSG_NEWSET`.
pub fn set(payload: &[u8]) -> Result<Part<Set>, DecodeError> {
    let (family, _, rest) = header(payload, "set")?;
    // NFTA_SET_TYPE and _COUNT name the kernel's own choice of structure and what the elements tell anyway.
    let f = Fields::read(rest, "set", u::set::COUNT)?;
    let table = TableKey { family, name: f.need_text(u::set::TABLE, "NFTA_SET_TABLE")? };
    let name = f.need_text(u::set::NAME, "NFTA_SET_NAME")?;
    let mut lost = unknown(&f, || format!("set {} {name}", table.name));
    let (mut size, mut field_lens) = (None, Vec::new());
    if let Some(desc) = f.get(u::set::DESC) {
        let d = Fields::read(desc.data, "description of a set", u::set_desc::CONCAT)?;
        lost.extend(unknown(&d, || format!("description of set {} {name}", table.name)));
        size = d.be32(u::set_desc::SIZE)?;
        if let Some(concat) = d.get(u::set_desc::CONCAT) {
            for field in concat.nested("fields of a set") {
                let g = Fields::read(field?.data, "field of a set", u::set_field::LEN)?;
                field_lens.push(g.need_be32(u::set_field::LEN, "NFTA_SET_FIELD_LEN")?);
            }
        }
    }
    let value = Set {
        handle: f.be64(u::set::HANDLE)?.unwrap_or(0),
        flags: f.be32(u::set::FLAGS)?.unwrap_or(0),
        key_type: f.be32(u::set::KEY_TYPE)?.unwrap_or(0),
        key_len: f.need_be32(u::set::KEY_LEN, "NFTA_SET_KEY_LEN")?,
        data_type: f.be32(u::set::DATA_TYPE)?,
        data_len: f.be32(u::set::DATA_LEN)?,
        object_type: f.be32(u::set::OBJ_TYPE)?.map(ObjectType::from_number),
        policy: f.be32(u::set::POLICY)?,
        size,
        field_lens,
        timeout_ms: f.be64(u::set::TIMEOUT)?,
        gc_interval_ms: f.be32(u::set::GC_INTERVAL)?,
        userdata: f.bytes(u::set::USERDATA).unwrap_or_default(),
        exprs: expr::one_or_list(&f, u::set::EXPR, u::set::EXPRESSIONS, 0)?,
        elements: Vec::new(),
        name,
    };
    Ok(Part { table, value, unknown: lost })
}

/// `NFT_MSG_NEWSETELEM`: one message of a set's elements.
pub fn elements(payload: &[u8]) -> Result<Part<ElementsOf>, DecodeError> {
    let (family, _, rest) = header(payload, "elements")?;
    let f = Fields::read(rest, "elements", u::elem_list::SET_ID)?;
    let table = TableKey { family, name: f.need_text(u::elem_list::TABLE, "NFTA_SET_ELEM_LIST_TABLE")? };
    let set = f.need_text(u::elem_list::SET, "NFTA_SET_ELEM_LIST_SET")?;
    let mut lost = unknown(&f, || format!("elements of {} {set}", table.name));
    let mut elements = Vec::new();
    if let Some(list) = f.get(u::elem_list::ELEMENTS) {
        for item in list.nested("elements") {
            let (element, strange) = element(item?)?;
            let number = elements.len();
            lost.extend(strange.into_iter().map(|(attribute, data)| UnknownAttribute {
                of: format!("element {number} of {} {set}", table.name),
                number: attribute,
                data,
            }));
            elements.push(element);
        }
    }
    Ok(Part { table, value: ElementsOf { set, elements }, unknown: lost })
}

fn element(attr: Attr<'_>) -> Result<(Element, Vec<(u16, Bytes)>), DecodeError> {
    let f = Fields::read(attr.data, "element", u::elem::EXPRESSIONS)?;
    let element = Element {
        key: f.get(u::elem::KEY).map(data::value).transpose()?.unwrap_or_default(),
        key_end: f.get(u::elem::KEY_END).map(data::value).transpose()?,
        flags: f.be32(u::elem::FLAGS)?.unwrap_or(0),
        data: f.get(u::elem::DATA).map(data::data).transpose()?,
        object: f.text(u::elem::OBJREF),
        timeout_ms: f.be64(u::elem::TIMEOUT)?,
        expires_ms: f.be64(u::elem::EXPIRATION)?,
        userdata: f.bytes(u::elem::USERDATA).unwrap_or_default(),
        exprs: expr::of_element(&f)?,
    };
    let strange = f.strange.iter().map(|a| (a.number, a.data.into())).collect();
    Ok((element, strange))
}
