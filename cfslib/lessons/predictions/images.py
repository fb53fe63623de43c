"""predictions.images: the questions of notebook 08."""

from cfslib.lessons.predictions import Choice, Question

TOUCHED = Question(
    "08-images/touched",
    "We pack the same directory again, and the two archives are equal.  Then somebody "
    "touches `note`: it gets another time, and its text stays.  Has the next archive "
    "the same hash?",
    (
        Choice(
            "yes, because all files have the same contents",
            "An archive has more of a file than its contents: its name, mode, owner "
            "and time.",
        ),
        Choice(
            "no",
            "The time of a file is in the archive, so other bytes are hashed.",
            right=True,
        ),
        Choice(
            "no, and that of the file `note` alone has changed",
            "A file in an archive has no hash of its own: the whole archive has one.",
        ),
    ),
)

WHO_NOTICES = Question(
    "08-images/who-notices",
    "Somebody who keeps your image changes its command.  In the manifest he puts the "
    "hash of the new config in place of the old one.  Which hash gives him away?",
    (
        Choice(
            "none: all hashes fit",
            "They fit to each other.  But who asks for the manifest by its hash gets "
            "another one.",
        ),
        Choice(
            "that of the manifest, if you ask for the image by it",
            "The manifest has changed, so its own hash is another one.  A name says "
            "nothing of what is behind it; a hash does.",
            right=True,
        ),
        Choice(
            "those of the layers",
            "The layers are as they were: he did not need to touch them.",
        ),
    ),
)

SHARED = Question(
    "08-images/shared",
    "`note:1` is in the store.  `note:2` has the same first layer, and a second one.  "
    "How many files come into the store for it?",
    (
        Choice(
            "4: two layers, a config, a manifest",
            "The first layer has the same hash, so it is there already.",
        ),
        Choice(
            "3: the second layer, a config, a manifest",
            "The config names two layers now, so it is another one, and so is the "
            "manifest, which names the config.",
            right=True,
        ),
        Choice(
            "1: the second layer",
            "Config and manifest say what the image is made of, and that is different.",
        ),
    ),
)

DELETED = Question(
    "08-images/deleted",
    "`note:3` has a third layer, with `.wh.secret` in it.  In the container there is "
    "no `/secret` any more.  What has become of the image?",
    (
        Choice(
            "it is smaller, and the secret is gone",
            "A layer is never changed: its name is its hash.  What is taken away later "
            "stays where it was.",
        ),
        Choice(
            "it is as large as `note:1`, because the two layers cancel out",
            "Nobody computes a difference: all three archives are part of the image.",
        ),
        Choice(
            "it is larger, and who has it can read the secret",
            "There is one archive more.  The second one is as it was, secret and all.",
            right=True,
        ),
    ),
)

SAME_LAYER = Question(
    "08-images/same-layer",
    "One layer has both: a file `note`, and after it `.wh.note`.  Below, there is a "
    "`note` as well.  What does a container see?",
    (
        Choice(
            "no `note`, because the whiteout comes last",
            "The order in an archive does not count: a whiteout hides what is below "
            "its layer, and nothing else.",
        ),
        Choice(
            "the `note` of this layer",
            "A whiteout is about the layers below, wherever in the archive it stands.",
            right=True,
        ),
        Choice(
            "the `note` from below",
            "That is just the one that is hidden, and replaced besides.",
        ),
    ),
)

COPY_UP = Question(
    "08-images/copy-up",
    "A file in `one` has 1,048,576 bytes.  In `merged` we append one more.  How large "
    "is the file in `upper`?",
    (
        Choice(
            "1 byte: what is new",
            "A layer has whole files.  Nothing in overlay can join two halves of one.",
        ),
        Choice(
            "1,048,577 bytes",
            "Before the first write the kernel copies the file up, all of it.",
            right=True,
        ),
        Choice(
            "there is none: the byte is written to `one`",
            "Lower layers are never written to, because others have them, too.",
        ),
    ),
)

HALF = Question(
    "08-images/half",
    "The same overlay in a user namespace, but mounted without `userxattr`.  `etc` has "
    "files in `one` and in `two`.  We delete all that is in it, and then `etc` "
    "itself.  What happens?",
    (
        Choice(
            "the mount is refused",
            "Mounting takes no attribute.  Somebody misses it later.",
        ),
        Choice(
            "all of it works",
            "Files do: a whiteout takes their place.  But a directory that is in "
            "several layers is marked as opaque first, and that mark is an attribute.",
        ),
        Choice(
            "the files are gone, and `etc` stays, with an error",
            "To remove it the kernel marks it as opaque first: by an attribute, "
            "`trusted.overlay.opaque`, which only root of the machine may set.",
            right=True,
        ),
    ),
)

LAYERS = Question(
    "08-images/layers",
    "The Dockerfile above begins with an image of one layer, and has five lines.  A "
    "RUN that changes no file makes no layer here.  How many layers has what comes of "
    "it?",
    (
        Choice(
            "3",
            "The one that was there, and one for each RUN that has changed a file.",
            right=True,
        ),
        Choice(
            "5",
            "FROM brings the layer that was there.  CMD changes the config alone, and "
            "a RUN that changes no file makes no layer.",
        ),
        Choice(
            "4",
            "`true` changes no file.  There is a line for it in the history, and no "
            "layer.",
        ),
        Choice(
            "2",
            "The layer of the image that it begins with is part of it, too.",
        ),
    ),
    typed="number",
    otherwise="Count the files in `layers` of the manifest: the one that was there, "
    "and one for each RUN that has changed a file.",
)
