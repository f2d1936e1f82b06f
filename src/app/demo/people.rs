//! Nobody real: names from a short list, NHS numbers from the range that is never issued.

use rand::RngExt;
use rand::rngs::StdRng;

use crate::domain::patient::Sex;

const GIVEN: [(&str, Sex); 20] = [
    ("Asha", Sex::Female),
    ("Brian", Sex::Male),
    ("Carol", Sex::Female),
    ("Desmond", Sex::Male),
    ("Eileen", Sex::Female),
    ("Farouk", Sex::Male),
    ("Gurpreet", Sex::Female),
    ("Harold", Sex::Male),
    ("Irene", Sex::Female),
    ("Jaswant", Sex::Male),
    ("Kathleen", Sex::Female),
    ("Leroy", Sex::Male),
    ("Maureen", Sex::Female),
    ("Nasir", Sex::Male),
    ("Olive", Sex::Female),
    ("Patrick", Sex::Male),
    ("Rukhsana", Sex::Female),
    ("Stanley", Sex::Male),
    ("Tahira", Sex::Female),
    ("Winston", Sex::Male),
];

const FAMILY: [&str; 20] = [
    "Ahmed",
    "Baker",
    "Campbell",
    "Dhillon",
    "Evans",
    "Fletcher",
    "Gill",
    "Hussain",
    "Iqbal",
    "Jones",
    "Kaur",
    "Lewis",
    "Mahmood",
    "Nolan",
    "O’Brien",
    "Patel",
    "Quinn",
    "Rashid",
    "Singh",
    "Taylor",
];

/// The invented person of this place in the list.
pub(super) fn name(place: u16) -> (&'static str, &'static str, Sex) {
    let place = usize::from(place);
    let (given, sex) = GIVEN[place % GIVEN.len()];
    (
        given,
        FAMILY[(place * 7 + place / GIVEN.len()) % FAMILY.len()],
        sex,
    )
}

/// A valid NHS number between 9000000000 and 9999999999; another for each place.
pub(super) fn nhs_number(place: u16) -> String {
    let mut body = 900_000_000 + u32::from(place) * 11 + 1;
    loop {
        let digits = format!("{body:09}");
        let sum: u32 = digits
            .bytes()
            .zip((2..=10).rev())
            .map(|(digit, weight)| u32::from(digit - b'0') * weight)
            .sum();
        match 11 - sum % 11 {
            // A body without a check digit is not a number; its neighbour is nobody else's, since places lie 11 apart.
            10 => body += 1,
            11 => return format!("{digits}0"),
            check => return format!("{digits}{check}"),
        }
    }
}

/// A password that can be typed: sixteen letters and digits that are not taken for each other.
pub(super) fn password(dice: &mut StdRng) -> String {
    const LETTERS: &[u8] = b"abcdefghjkmnpqrstuvwxyz23456789";
    (0..16)
        .map(|_| char::from(LETTERS[dice.random_range(0..LETTERS.len())]))
        .collect()
}
