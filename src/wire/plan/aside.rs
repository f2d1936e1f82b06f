//! What a body says beside the parameters: why they are wider, and what they were copied from. Nothing is judged by it.

use super::node::{Faults, Members, Node};

/// The longest reason.
const LONGEST: usize = 4000;
/// The most templates that one plan was made from.
const MOST: usize = 16;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Aside {
    /// Why red limits are wider than before, or than the template.
    pub widening_reason: Option<String>,
    /// Whoever puts it says that NEWS2 scale 2 is meant.
    pub confirms_scale_2: bool,
    /// What the parameters were copied from.
    pub from_templates: Vec<FromTemplate>,
}

/// A template as it stood when it was copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FromTemplate {
    pub name: String,
    pub version: u32,
}

pub(super) fn read(members: &Members<'_>, faults: &mut Faults) -> Option<Aside> {
    let widening_reason = members.default("widening_reason", None, |node| Some(Some(reason(node, faults)?)));
    let confirms_scale_2 = members.default("confirms_scale_2", false, |node| node.flag(faults));
    let from_templates = members.default("from_templates", Vec::new(), |node| {
        let list = node.each_once(faults, from_template)?;
        if list.len() > MOST {
            return node.fault("too_many", "names more templates than there can be", faults);
        }
        Some(list)
    });
    Some(Aside {
        widening_reason: widening_reason?,
        confirms_scale_2: confirms_scale_2?,
        from_templates: from_templates?,
    })
}

fn reason(node: &Node<'_>, faults: &mut Faults) -> Option<String> {
    let text = node.text(faults)?;
    let text = text.trim();
    if text.is_empty() {
        return node.fault("empty", "must not be empty", faults);
    }
    if text.chars().count() > LONGEST {
        return node.fault("too_long", "has more than 4000 characters", faults);
    }
    Some(text.to_owned())
}

fn from_template(node: &Node<'_>, faults: &mut Faults) -> Option<FromTemplate> {
    let members = node.object(&["name", "version"], faults)?;
    let name = members
        .required("name", faults)
        .and_then(|node| node.text(faults));
    let version = members
        .required("version", faults)
        .and_then(|node| node.whole(1, (u32::MAX, "too_large"), faults));
    Some(FromTemplate {
        name: name?.into_owned(),
        version: version?,
    })
}
