//! Every heading gets an id, so that any sentence can be pointed at; what is wider than the page scrolls by keyboard too.

use pulldown_cmark::{CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd, html};

/// A page without its frame.
#[derive(Debug)]
pub(super) struct Rendered {
    pub(super) html: String,
    pub(super) headings: Vec<Heading>,
}

/// What the list of contents shows.
#[derive(Debug)]
pub(super) struct Heading {
    pub(super) level: u8,
    pub(super) id: String,
    pub(super) text: String,
}

/// Renders one page. Its own headings begin at the second level: the first is the title.
pub(super) fn render(text: &str) -> Rendered {
    let mut headings: Vec<Heading> = Vec::new();
    let events: Vec<Event<'_>> =
        Parser::new_ext(text, Options::ENABLE_TABLES | Options::ENABLE_HEADING_ATTRIBUTES).collect();
    let mut shown = Vec::with_capacity(events.len());
    let mut rest = events.into_iter();
    while let Some(event) = rest.next() {
        let Event::Start(Tag::Heading {
            level,
            id,
            classes,
            attrs,
        }) = event
        else {
            shown.push(event);
            continue;
        };
        let inside: Vec<Event<'_>> = rest.by_ref().take_while(|event| !is_end(event)).collect();
        let said: String = inside.iter().filter_map(words).collect();
        let id = id.map_or_else(|| unused(&slug(&said), &headings), CowStr::into_string);
        if level <= HeadingLevel::H3 {
            headings.push(Heading {
                level: level as u8,
                id: id.clone(),
                text: said,
            });
        }
        shown.push(Event::Start(Tag::Heading {
            level,
            id: Some(id.into()),
            classes,
            attrs,
        }));
        shown.extend(inside);
        shown.push(Event::End(TagEnd::Heading(level)));
    }
    let mut html = String::with_capacity(text.len() * 2);
    html::push_html(&mut html, shown.into_iter());
    let html = html
        .replace("<pre>", "<pre tabindex=\"0\">")
        .replace("<table>", "<div class=\"wide\" tabindex=\"0\"><table>")
        .replace("</table>", "</table></div>")
        .replace("<th>", "<th scope=\"col\">");
    Rendered { html, headings }
}

fn is_end(event: &Event<'_>) -> bool {
    matches!(event, Event::End(TagEnd::Heading(_)))
}

fn words<'e>(event: &'e Event<'_>) -> Option<&'e str> {
    match event {
        Event::Text(text) | Event::Code(text) => Some(text),
        _ => None,
    }
}

fn slug(text: &str) -> String {
    let words: Vec<String> = text
        .split(|letter: char| !letter.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .collect();
    words.join("-")
}

/// Two headings of one text are told apart by a number.
fn unused(wanted: &str, taken: &[Heading]) -> String {
    let is_taken = |id: &str| taken.iter().any(|heading| heading.id == id);
    let mut id = wanted.to_owned();
    let mut number = 2;
    while is_taken(&id) {
        id = format!("{wanted}-{number}");
        number += 1;
    }
    id
}

/// Text in which no letter means anything to Markdown.
pub(super) fn plain(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_ascii_punctuation()
            && !matches!(
                letter,
                '.' | ',' | ':' | ';' | '/' | '-' | '(' | ')' | '\'' | '"' | '=' | '?' | '%'
            )
        {
            escaped.push('\\');
        }
        escaped.push(letter);
    }
    escaped
}
