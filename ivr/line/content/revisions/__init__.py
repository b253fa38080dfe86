"""What has changed between two versions of prompts/: differences, sign-offs, translations, and upgrades."""
