mod bounds;
mod numbers;
mod rows;
mod texts;
mod words;
