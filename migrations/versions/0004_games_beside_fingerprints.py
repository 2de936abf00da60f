"""the index of fingerprints has the games too: which audio is in several games is read from it alone"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

NAME = "ix_clips_fingerprint"


def upgrade() -> None:
    op.drop_index(NAME, "clips")
    op.create_index(NAME, "clips", ["fingerprint", "game_id"])


def downgrade() -> None:
    op.drop_index(NAME, "clips")
    op.create_index(NAME, "clips", ["fingerprint"])
