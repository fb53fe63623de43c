"""views: pictures and widgets; the only code that imports ipywidgets.

A view is made in three steps, each of which can be tried alone: plain data becomes
HTML or SVG, that becomes a widget, and a click brings new data.  A view never asks the
kernel itself: it takes data, or a function that returns it.

    style         how it looks, in both themes of JupyterLab, elsewhere, and on paper
    page          HTML and SVG in which text stays text
    drawing       pictures that are files: own ground, both themes, paper
    widget        what all views share: a place to draw, and errors that are shown
    first_build   the rootfs that containers use, built once, with a bar
    quiz          a prediction: answer first, then run the cell, then see
    differences   two texts, with a sign at what the other one lacks
    beside        one command on the host and in a container, side by side
    sharing       which processes share which namespaces
    rungs         the picture of the pid ladder, and the same as a table
    ladder        one process, and its pid on every level
    certificate   all exercises are done: the proof, with a trace of one's own
    progress      what was predicted, what is done, and a way back to the start
    steps         a story step by step: a title, a sentence and a picture for each
    mount_rows    the mounts after a step, as rows of a tree, and what the step changed
    mount_picture two mount tables side by side, and the wires between
    mount_tree    the mounts of the host and of a container, step by step
    leak_steps    a mount that reaches another mount namespace, or does not
    climb_steps   where / and . are, on the way out of a changed root
    exec_steps    which process runs which program, from fork to exec to the end
    rulers        the ids inside and outside as two rulers, and the maps between
    rootfs_tree   what is in a rootfs, what a program needs, what is missing
    call_trace    what the kernel was asked, in order, by process
    limit_chart   the picture of a limit, and of the line that bends below it
    limit_gauge   press a container against a limit, and see the line bend
    source        functions as they are written, in colours, side by side if wanted
    durations     how long things took, with a bar for each
    cards         a verdict and an error, as a learner should see them
    kernel        what a kernel of JupyterLab does for one of our notebooks
"""
