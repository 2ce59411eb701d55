//! Text that looks like what people write: several scripts, emoji of several code points, lines.

use rand::Rng;
use rand::seq::IndexedRandom;

/// A text and its language (BCP 47).
pub(crate) struct Text {
    pub(crate) text: String,
    pub(crate) lang: &'static str,
}

struct Language {
    tag: &'static str,
    weight: u32,
    between: &'static str,
    words: &'static [&'static str],
    ends: &'static [&'static str],
}

static LANGUAGES: [Language; 7] = [
    Language {
        tag: "en",
        weight: 58,
        between: " ",
        words: &[
            "the",
            "a",
            "this",
            "my",
            "our",
            "morning",
            "coffee",
            "garden",
            "river",
            "train",
            "library",
            "music",
            "weather",
            "finally",
            "slowly",
            "never",
            "always",
            "maybe",
            "found",
            "made",
            "lost",
            "watching",
            "reading",
            "walking",
            "cat",
            "dog",
            "birds",
            "today",
            "tomorrow",
            "yesterday",
            "with",
            "without",
            "under",
            "and",
            "but",
            "because",
            "new",
            "old",
            "tiny",
            "enormous",
            "good",
            "strange",
            "is",
            "was",
            "feels",
            "like",
            "rain",
            "summer",
            "code",
            "bread",
            "mountain",
            "photo",
            "friends",
            "don't",
            "we're",
        ],
        ends: &[".", "!", "?", "…", "", ""],
    },
    Language {
        tag: "ja",
        weight: 15,
        between: "",
        words: &[
            "今日は",
            "朝",
            "コーヒー",
            "電車",
            "とても",
            "猫が",
            "空",
            "散歩",
            "しました",
            "ですね",
            "友達と",
            "新しい",
            "音楽",
            "を聴いて",
            "雨",
            "図書館",
            "で",
            "ありがとう",
            "また明日",
            "春",
        ],
        ends: &["。", "！", "…", ""],
    },
    Language {
        tag: "pt",
        weight: 9,
        between: " ",
        words: &[
            "hoje",
            "não",
            "amanhã",
            "coração",
            "manhã",
            "chuva",
            "muito",
            "bom",
            "gente",
            "música",
            "então",
            "você",
            "sempre",
            "água",
            "pão",
            "cidade",
            "estação",
            "depois",
            "obrigado",
        ],
        ends: &[".", "!", "?", ""],
    },
    Language {
        tag: "de",
        weight: 8,
        between: " ",
        words: &[
            "heute",
            "schön",
            "Straße",
            "Kaffee",
            "immer",
            "vielleicht",
            "Bücher",
            "über",
            "Wälder",
            "nicht",
            "morgen",
            "Zug",
            "wieder",
            "grüne",
            "Äpfel",
            "und",
            "aber",
            "Freunde",
            "süß",
        ],
        ends: &[".", "!", "?", ""],
    },
    Language {
        tag: "ar",
        weight: 4,
        between: " ",
        words: &[
            "صباح",
            "الخير",
            "اليوم",
            "جميل",
            "قهوة",
            "كتاب",
            "مدينة",
            "مطر",
            "أصدقاء",
            "شكرا",
        ],
        ends: &[".", "؟", "!"],
    },
    Language {
        tag: "ko",
        weight: 4,
        between: " ",
        words: &[
            "오늘",
            "아침",
            "커피",
            "고양이",
            "날씨가",
            "좋아요",
            "친구",
            "음악",
            "정말",
            "내일",
            "감사합니다",
        ],
        ends: &[".", "!", "~"],
    },
    Language {
        tag: "hi",
        weight: 2,
        between: " ",
        words: &[
            "नमस्ते",
            "आज",
            "सुबह",
            "चाय",
            "बारिश",
            "किताब",
            "दोस्त",
            "संगीत",
            "बहुत",
            "अच्छा",
        ],
        ends: &["।", "!", ""],
    },
];

/// Emoji: one code point, modifiers, joined sequences, flags, keycaps.
pub(crate) const EMOJI: [&str; 16] = [
    "👍",
    "👎",
    "💙",
    "🥹",
    "😧",
    "🙃",
    "😉",
    "😎",
    "🤓",
    "🥳",
    "👩‍💻",
    "🏳️‍🌈",
    "👍🏽",
    "🇧🇷",
    "1️⃣",
    "☕",
];

/// A post's text: mostly short, never near the 300 graphemes that the lexicon allows.
pub(crate) fn post(rng: &mut impl Rng) -> Text {
    let words = match rng.random_range(0..10) {
        0..=3 => rng.random_range(1..8),
        4..=8 => rng.random_range(6..22),
        _ => rng.random_range(20..40),
    };
    text(rng, words)
}

/// A text of about `words` words.
pub(crate) fn text(rng: &mut impl Rng, words: usize) -> Text {
    let language = pick_language(rng);
    let mut text = String::new();
    for index in 0..words {
        if index > 0 {
            text.push_str(gap(rng, language));
        }
        text.push_str(one(rng, language.words));
    }
    text.push_str(one(rng, language.ends));
    if rng.random_ratio(1, 4) {
        text.push(' ');
        text.push_str(one(rng, &EMOJI));
    }
    Text {
        text,
        lang: language.tag,
    }
}

/// One of `choices`, which is not empty.
pub(crate) fn one(rng: &mut impl Rng, choices: &[&'static str]) -> &'static str {
    choices.choose(rng).copied().unwrap_or_default()
}

fn gap(rng: &mut impl Rng, language: &Language) -> &'static str {
    match rng.random_range(0..40) {
        0 => "\n",
        1 => "\n\n",
        _ => language.between,
    }
}

fn pick_language(rng: &mut impl Rng) -> &'static Language {
    LANGUAGES
        .choose_weighted(rng, |language| language.weight)
        .unwrap_or(&LANGUAGES[0])
}
